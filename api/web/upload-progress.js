// How far the upload is: two bars, a wait, a summary, and what failed.

import { byId, say, show } from './elements.js';
import { fillFailures } from './failures.js';
import { count, size } from './words.js';

// Of a bar, how far a screen reader hears of it: each quarter.
const QUARTERS = 4;

/** The part of the drawer about this upload, and its button in the page's head. */
export class UploadProgress {
  #failures = null;
  #goOn = () => {};
  #heard = 0;

  constructor() {
    byId('upload-wait').addEventListener('click', (event) => event.target.closest('button') && this.#goOn());
  }

  show(at) {
    const sent = at.bytes ? (at.bytesSent + at.bytesOnTheWay) / at.bytes : 1;
    // Files not sent yet have no job; each will be one picture, unless it is an archive.
    const expected = at.total + (at.files - at.filesSent);
    const indexed = expected ? at.done / expected : Number(!at.active);
    show(byId('upload'), true);
    show(byId('upload-stop'), at.active);
    byId('sent').value = sent;
    byId('indexed').value = indexed;
    say(byId('sent-text'), `${size(at.bytesSent + at.bytesOnTheWay)} of ${size(at.bytes)}`);
    say(byId('indexed-text'), `${at.done.toLocaleString('en')} of ${expected.toLocaleString('en')}`);
    this.#showWait(at.waiting);
    this.#showEnd(at);
    this.#showFailures(at);
    this.#showInHead(at, (sent + indexed) / 2);
    this.#announce(at, indexed);
  }

  #showWait(waiting) {
    const line = byId('upload-wait');
    show(line, waiting !== null);
    if (!waiting) return line.replaceChildren();
    if (!line.firstChild) {
      // The title alone is announced: a countdown read out every second helps nobody.
      const title = document.createElement('span');
      const left = document.createElement('span');
      left.setAttribute('aria-hidden', 'true');
      const now = document.createElement('button');
      now.type = 'button';
      now.className = 'plain';
      now.textContent = 'Try now';
      line.append(title, left, now);
    }
    this.#goOn = waiting.goOn;
    say(line.children[0], `${waiting.problem.title}; the upload goes on by itself`);
    say(line.children[1], ` in ${waiting.secondsLeft} s. `);
  }

  #showEnd(at) {
    const parts = [`${count(at.indexed, 'picture')} added`];
    if (at.duplicates) parts.push(`${at.duplicates.toLocaleString('en')} known before`);
    if (at.failed) parts.push(`${at.failed.toLocaleString('en')} failed`);
    if (at.stopped) parts.push('stopped');
    show(byId('upload-summary'), !at.active);
    say(byId('upload-summary'), `${parts.join(', ')}.`);
  }

  #showFailures(at) {
    if (this.#failures === at.failures) return;
    this.#failures = at.failures;
    show(byId('upload-failed'), at.failed > 0);
    const unlisted = at.failed - at.failures.length;
    const more = unlisted > 0 ? `, the first ${at.failures.length} are listed` : '';
    say(byId('upload-failed-title'), `${count(at.failed, 'file')} failed${more}`);
    fillFailures(byId('upload-failures'), at.failures);
  }

  #showInHead(at, share) {
    const percent = `${Math.floor(share * 100)} %`;
    say(byId('open-uploads-text'), at.active ? (at.waiting ? 'Waiting' : `Adding ${percent}`) : 'Add pictures');
  }

  #announce(at, indexed) {
    const heard = at.active ? Math.floor(indexed * QUARTERS) : QUARTERS + 1;
    if (heard === this.#heard) return;
    this.#heard = heard;
    const text = at.active ? `${heard * (100 / QUARTERS)} percent searchable` : byId('upload-summary').textContent;
    say(byId('upload-status'), text);
  }
}
