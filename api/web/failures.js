// Lists of pictures that failed, each with its reason.

import { fromTemplate } from './elements.js';
import { reasonOf } from './reasons.js';

/** Fill a list with failed items, {filename, code, detail} each. */
export function fillFailures(list, items) {
  list.replaceChildren(...items.map((item) => {
    const line = fromTemplate('failure');
    line.querySelector('.failure-name').textContent = item.filename || item.id || 'A file without a name';
    line.querySelector('.failure-reason').textContent = reasonOf(item);
    return line;
  }));
}
