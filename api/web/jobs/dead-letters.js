// The dead letters on Activity: pictures that the service gave up on, to be tried again or discarded.

import { byId, fromTemplate, setText, show } from '../elements.js';
import { count, localTime } from '../format.js';
import { call } from '../service/api.js';
import { showPicture } from '../service/pictures.js';
import { Problem } from '../service/problem.js';
import { ROOT } from '../service/root.js';
import { reasonOf } from './reasons.js';

// Dead letters listed at a time.
const PAGE = 50;

/** Lists the dead letters, if there are any. */
export class DeadLetters {
  #box = byId('letters');
  #list = byId('letter-list');
  #status = byId('letters-status');
  #older = byId('letters-older');
  #cursor = null;

  constructor() {
    this.#older.addEventListener('click', () => this.#append());
  }

  /** List the newest dead letters. */
  async open() {
    this.#cursor = null;
    setText(this.#status, '');
    await this.#append(true);
  }

  async #append(isFirst = false) {
    const address = new URLSearchParams({ limit: PAGE });
    if (this.#cursor) address.set('cursor', this.#cursor);
    try {
      const { data } = await call('GET', `${ROOT}/v1/dead-letters?${address}`);
      if (isFirst) this.#list.replaceChildren();
      this.#list.append(...data.dead_letters.map((letter) => this.#row(letter)));
      this.#cursor = data.next_cursor;
      this.#showNumber();
    } catch (problem) {
      // The list of jobs, which is loaded at the same time, says what is wrong with the service.
      this.#report(problem);
    }
  }

  #showNumber() {
    const number = this.#list.childElementCount;
    show(this.#box, number > 0);
    show(this.#older, this.#cursor !== null);
    setText(byId('letters-summary'), this.#cursor ? `More than ${count(number, 'dead letter')}` : count(number, 'dead letter'));
  }

  #row(letter) {
    const row = fromTemplate('letter');
    const name = letter.filename || letter.id;
    row.querySelector('.failure-name').textContent = name;
    row.querySelector('.failure-reason').textContent = `${reasonOf(letter)} ${count(letter.attempts, 'attempt')}, ${localTime(letter.dead_at)}`;
    const image = row.querySelector('img');
    image.addEventListener('error', () => image.removeAttribute('src'), { once: true });
    // Decoding a quarantined picture may crash a worker.
    if (letter.links.thumbnail) showPicture(image, `${letter.links.thumbnail}?size=150`);
    const [again, discard] = row.querySelectorAll('button');
    again.setAttribute('aria-label', `Try ${name} again`);
    discard.setAttribute('aria-label', `Discard ${name}`);
    again.addEventListener('click', () => this.#act(row, 'POST', letter.links.replay, `Trying ${name} again`));
    discard.addEventListener('click', () => {
      // It cannot be undone, so the first click only asks.
      if (discard.textContent === 'Really?') this.#act(row, 'DELETE', `${ROOT}/v1/dead-letters/${letter.id}`, `Discarded ${name}`);
      discard.textContent = 'Really?';
      discard.setAttribute('aria-label', `Really discard ${name}?`);
    });
    return row;
  }

  /** Do what takes a dead letter from the list, and say so. */
  async #act(row, method, path, done) {
    const buttons = row.querySelectorAll('button');
    for (const button of buttons) button.disabled = true;
    try {
      await call(method, path);
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      setText(this.#status, done);
      this.#showNumber();
      (next?.querySelector('button') ?? byId('jobs-title')).focus();
    } catch (problem) {
      for (const button of buttons) button.disabled = false;
      this.#report(problem);
    }
  }

  #report(problem) {
    if (!(problem instanceof Problem)) throw problem;
    setText(this.#status, `${problem.title}. ${problem.detail}`);
  }
}
