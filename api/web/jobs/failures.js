// Lists of failed pictures with the reason of each.

import { fromTemplate } from '../elements.js';
import { reasonOf } from './reasons.js';

/** Fill a list with failed items {filename, code, detail}. */
export function fillFailures(list, items) {
  list.replaceChildren(...items.map((item) => {
    const line = fromTemplate('failure');
    line.querySelector('.failure-name').textContent = item.filename || item.id || 'Unnamed file';
    line.querySelector('.failure-reason').textContent = reasonOf(item);
    return line;
  }));
}
