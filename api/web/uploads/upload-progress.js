// The progress of the upload: two bars, the current wait, a summary, and the failures.

import { byId, setText, show } from '../elements.js';
import { count, duplicatesOf, size } from '../format.js';
import { fillFailures } from '../jobs/failures.js';

// Screen readers hear each quarter of the progress, not each step.
const QUARTERS = 4;

/** The section of the drawer about this upload, and the button in the header. */
export class UploadProgress {
  #failures = null;
  #retryNow = () => {};
  #announced = 0;

  constructor() {
    byId('upload-wait').addEventListener('click', (event) => event.target.closest('button') && this.#retryNow());
  }

  show(progress) {
    const sent = progress.bytes ? (progress.bytesSent + progress.bytesInFlight) / progress.bytes : 1;
    // Files not yet sent have no job; count each as one picture, though an archive may hold many.
    const expected = progress.total + (progress.files - progress.filesSent);
    const indexed = expected ? progress.done / expected : Number(!progress.active);
    show(byId('upload'), true);
    show(byId('upload-cancel'), progress.active && !progress.stopped);
    byId('sent').value = sent;
    byId('indexed').value = indexed;
    setText(byId('sent-text'), `${size(progress.bytesSent + progress.bytesInFlight)} of ${size(progress.bytes)}`);
    setText(byId('indexed-text'), `${progress.done.toLocaleString('en')} of ${expected.toLocaleString('en')}`);
    this.#showWait(progress.waiting);
    this.#showEnd(progress);
    this.#showFailures(progress);
    this.#showInHeader(progress, (sent + indexed) / 2);
    this.#announce(progress, indexed);
  }

  #showWait(waiting) {
    const line = byId('upload-wait');
    show(line, waiting !== null);
    if (!waiting) return line.replaceChildren();
    if (!line.firstChild) {
      // Only the title is announced; the countdown would be read out every second.
      const title = document.createElement('span');
      const left = document.createElement('span');
      left.setAttribute('aria-hidden', 'true');
      const signIn = document.createElement('a');
      signIn.href = location.href;
      signIn.target = '_blank';
      signIn.textContent = 'Sign in again in another tab';
      const now = document.createElement('button');
      now.type = 'button';
      now.className = 'plain';
      now.textContent = 'Try now';
      line.append(title, left, signIn, ' ', now);
    }
    this.#retryNow = waiting.retryNow;
    const [title, left, signIn] = line.children;
    setText(title, `${waiting.problem.title}; retrying automatically`);
    setText(left, ` in ${waiting.secondsLeft} s. `);
    show(signIn, waiting.problem.signedOut);
  }

  #showEnd(progress) {
    const parts = [`${count(progress.indexed, 'picture')} added`];
    if (progress.duplicates) parts.push(duplicatesOf(progress));
    if (progress.failed) parts.push(`${progress.failed.toLocaleString('en')} failed`);
    if (progress.cancelled) parts.push(`${progress.cancelled.toLocaleString('en')} cancelled`);
    // Jobs that could not be followed to their ends.
    const open = progress.total - progress.done;
    if (open > 0) parts.push(`${open.toLocaleString('en')} still in progress`);
    if (progress.skipped) parts.push(`${count(progress.skipped, 'other file')} skipped`);
    show(byId('upload-summary'), !progress.active);
    setText(byId('upload-summary'), progress.active ? '' : `${parts.join(', ')}.`);
  }

  #showFailures(progress) {
    if (this.#failures === progress.failures) return;
    this.#failures = progress.failures;
    show(byId('upload-failed'), progress.failed > 0);
    const unlisted = progress.failed - progress.failures.length;
    const more = unlisted > 0 ? ` (first ${progress.failures.length} listed)` : '';
    setText(byId('upload-failed-title'), `${count(progress.failed, 'file')} failed${more}`);
    fillFailures(byId('upload-failures'), progress.failures);
  }

  #showInHeader(progress, share) {
    const percent = `${Math.floor(share * 100)} %`;
    setText(byId('open-uploads-text'), progress.active ? (progress.waiting ? 'Waiting' : `Adding ${percent}`) : 'Add pictures');
  }

  #announce(progress, indexed) {
    const announced = progress.active ? Math.floor(indexed * QUARTERS) : QUARTERS + 1;
    if (announced === this.#announced) return;
    this.#announced = announced;
    const text = progress.active ? `${announced * (100 / QUARTERS)} percent searchable` : byId('upload-summary').textContent;
    setText(byId('upload-status'), text);
  }
}
