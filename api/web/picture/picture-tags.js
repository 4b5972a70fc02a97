// The tags of the picture in the large view: links to their pictures, and ways to change them.

import { byId, fromTemplate, setText, show } from '../elements.js';
import { call } from '../service/api.js';

/** Shows and changes the tags of one picture. */
export class PictureTags {
  #list = byId('details-tags');
  #form = byId('details-tag-form');
  #input = byId('details-tag');
  #image = null;
  #actions;

  /** `actions` are filter(tag), changed() and failed(problem). */
  constructor(actions) {
    this.#actions = actions;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const tag = this.#input.value.trim();
      this.#input.value = '';
      if (tag) this.#change({ add: [tag] }, `Added the tag ${tag}`);
    });
  }

  /** Show no tags, until those of the next picture are known. */
  clear() {
    this.#image = null;
    this.#list.replaceChildren();
    this.#input.value = '';
    setText(byId('details-tags-status'), '');
    show(this.#form, false);
  }

  /** Show the tags of an image of the API. */
  show(image) {
    this.#image = image;
    this.#list.replaceChildren(...image.tags.map((tag) => this.#tag(tag)));
    show(this.#form, true);
  }

  #tag(tag) {
    const item = fromTemplate('picture-tag');
    const [filter, remove] = item.querySelectorAll('button');
    filter.textContent = tag;
    filter.title = `Show only pictures tagged ${tag}`;
    filter.addEventListener('click', () => this.#actions.filter(tag));
    remove.setAttribute('aria-label', `Remove the tag ${tag}`);
    remove.addEventListener('click', () => {
      this.#input.focus();
      this.#change({ remove: [tag] }, `Removed the tag ${tag}`);
    });
    return item;
  }

  async #change(tags, done) {
    const { id, links } = this.#image;
    try {
      const { data } = await call('PATCH', links.self, { json: { tags } });
      // The reader may have stepped to another picture meanwhile.
      if (this.#image?.id !== id) return;
      this.show(data);
      setText(byId('details-tags-status'), done);
      this.#actions.changed();
    } catch (problem) {
      if (this.#image?.id !== id) return;
      this.#input.value ||= tags.add?.[0] ?? '';
      this.#actions.failed(problem);
    }
  }
}
