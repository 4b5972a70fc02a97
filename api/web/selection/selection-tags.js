// The dialog that adds tags to the selected pictures, or removes them.

import { byId, fromTemplate, setText, show } from '../elements.js';
import { count } from '../format.js';
import { follow } from '../jobs/jobs.js';
import { call } from '../service/api.js';
import { Problem } from '../service/problem.js';
import { ROOT } from '../service/root.js';

// Maximum number of ids in one edit of the API.
const IDS_MAX = 10_000;

/** Changes the tags of several pictures. */
export class SelectionTags {
  #dialog = byId('selection-tags');
  #list = byId('selection-tag-list');
  #input = byId('selection-tag-name');
  #pictures = [];

  constructor() {
    byId('selection-tags-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close());
    byId('selection-tag-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const tag = this.#input.value.trim();
      this.#input.value = '';
      if (tag) this.#change({ add: [tag] }, `Added the tag ${tag} to`);
    });
  }

  open(pictures) {
    this.#pictures = pictures;
    setText(byId('selection-tags-title'), `Tags of ${count(pictures.length, 'picture')}`);
    this.#say('');
    this.#showTags();
    this.#dialog.showModal();
    this.#input.focus();
  }

  /** List the pictures' tags, the most frequent first, and how many pictures have each. */
  #showTags() {
    const numbers = new Map();
    for (const tag of this.#pictures.flatMap(({ tags }) => tags)) numbers.set(tag, (numbers.get(tag) ?? 0) + 1);
    const sorted = [...numbers].sort(([, one], [, other]) => other - one);
    this.#list.replaceChildren(...sorted.map(([tag, number]) => this.#tag(tag, number)));
  }

  #tag(tag, number) {
    const item = fromTemplate('tag-chip');
    const share = number < this.#pictures.length ? ` (${number} of ${this.#pictures.length})` : '';
    item.querySelector('span').textContent = tag + share;
    item.querySelector('.unseen').textContent = `Remove the tag ${tag}`;
    item.querySelector('button').addEventListener('click', () => {
      this.#input.focus();
      this.#change({ remove: [tag] }, `Removed the tag ${tag} from`);
    });
    return item;
  }

  /** Change the tags; `done` begins the sentence that says so. */
  async #change(tags, done) {
    const pictures = this.#pictures;
    this.#say(`Changing ${count(pictures.length, 'picture')} …`);
    try {
      const failed = await edit(pictures.map(({ id }) => id), tags);
      for (const picture of pictures) picture.tags = changed(picture.tags, tags);
      if (failed) this.#say(`${count(failed, 'picture')} could not be changed. Activity lists the reasons.`, true);
      else this.#say(`${done} ${count(pictures.length, 'picture')}`);
      this.#showTags();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#input.value ||= tags.add?.[0] ?? '';
      this.#say(`${problem.title}. ${problem.detail}`, true);
    }
  }

  #say(text, isProblem = false) {
    setText(byId('selection-tags-status'), isProblem ? '' : text);
    setText(byId('selection-tags-problem'), isProblem ? text : '');
    show(byId('selection-tags-problem'), isProblem);
  }
}

/** Change the tags of images, wait until that is done, and return the number of images that failed. */
async function edit(ids, tags) {
  let failed = 0;
  for (let at = 0; at < ids.length; at += IDS_MAX) {
    const json = { ids: ids.slice(at, at + IDS_MAX), tags };
    const { data } = await call('POST', `${ROOT}/v1/images/edits`, { json });
    const end = await follow(data, { onJob: () => {} });
    failed += end.failed + end.cancelled;
  }
  return failed;
}

function changed(tags, { add = [], remove = [] }) {
  return [...new Set([...tags.filter((tag) => !remove.includes(tag)), ...add])];
}
