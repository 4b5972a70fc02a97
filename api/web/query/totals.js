// How many pictures there are that a query could show.

import { call } from '../service/api.js';
import { ROOT } from '../service/root.js';
import { filterOf } from './filters.js';
import { hasNoTerms } from './query.js';

/** Return the number of pictures that match a query's filters, or null if the service cannot tell. */
export async function totalOf(query, signal) {
  // A service counts no groups, and no scores.
  if (!hasNoTerms(query) && (query.minScore !== null || query.group !== null)) return null;
  const address = new URLSearchParams({ limit: 1, count: true });
  const filter = filterOf(query);
  if (filter) address.set('filter', JSON.stringify(filter));
  try {
    return (await call('GET', `${ROOT}/v1/images?${address}`, { signal })).data.count ?? null;
  } catch {
    // The pictures are shown without it.
    return null;
  }
}
