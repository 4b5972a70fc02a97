// The query: a text, weighted pictures, tags, filters, limits and an order. The page's URL stores it.

import { ROOT } from '../service/root.js';
import { FILTER_NAMES, readFilter } from './filters.js';

// Weight of "more like this" next to other terms: at equal weights a picture dominates a text.
const MORE_WITH_OTHERS = 0.5;
// Weight of "less like this".
const LESS = -0.5;
/** The orders of lists other than the newest first, as the API calls them. */
export const SORTS = ['-taken_at', 'taken_at', 'filename', '-bytes'];
/** The filter that leaves out the beginning of a list, by those orders that are by date. */
export const BY_DATE = { '-taken_at': 'to', taken_at: 'from' };
/** Lets the service tell near-duplicates. */
export const AUTO = 'auto';

/** Return a query without any conditions. */
export function emptyQuery() {
  return { text: '', terms: [], tags: [], filters: {}, minScore: null, group: null, sort: null };
}

/** Return whether a query has neither text nor pictures; the page then lists pictures. */
export function hasNoTerms(query) {
  return !query.text && !query.terms.length;
}

/** Return the query with a "more like" or "less like" term; it replaces the image's previous term. */
export function withImage(query, picture, more) {
  const others = query.terms.filter((term) => term.image !== picture.id);
  const alone = !query.text && !others.length;
  const weight = more ? (alone ? 1 : MORE_WITH_OTHERS) : LESS;
  return { ...query, terms: [...others, { image: picture.id, name: picture.filename, weight }] };
}

/** Return the query with a local picture; it replaces any previous local picture. */
export function withFile(query, file) {
  const others = query.terms.filter((term) => !term.file);
  const alone = !query.text && !others.length;
  return { ...query, terms: [{ file, name: file.name, weight: alone ? 1 : MORE_WITH_OTHERS }, ...others] };
}

/** Return the query without one of its terms. */
export function withoutTerm(query, term) {
  return { ...query, terms: query.terms.filter((other) => other !== term) };
}

/** Return the query with a new weight for one of its terms. */
export function withWeight(query, term, weight) {
  return { ...query, terms: query.terms.map((other) => (other === term ? { ...term, weight } : other)) };
}

/** Return the query with a further required tag. */
export function withTag(query, tag) {
  return { ...query, tags: [...new Set([...query.tags, tag])] };
}

/** Return the query without one of its required tags. */
export function withoutTag(query, tag) {
  return { ...query, tags: query.tags.filter((other) => other !== tag) };
}

/** Return whether a query leaves pictures out by their tags or otherwise. */
export function hasFilters({ tags, filters }) {
  return tags.length > 0 || Object.keys(filters).length > 0;
}

/** Return the query with a value of a filter; null removes the filter. */
export function withFilter(query, name, value) {
  const { [name]: _, ...others } = query.filters;
  return { ...query, filters: value === null ? others : { ...others, [name]: value } };
}

/** Return the query without tags and filters. */
export function withoutFilters(query) {
  return { ...query, tags: [], filters: {} };
}

/** Return the query with a minimum score; null removes it. */
export function withMinScore(query, minScore) {
  return { ...query, minScore };
}

/** Return the query with near-duplicates grouped: `AUTO`, or from a cosine on; null shows all pictures. */
export function withGroups(query, group) {
  return { ...query, group };
}

/** Return the query with an order of the list of pictures; null is the newest first. */
export function withSort(query, sort) {
  return { ...query, sort };
}

/** Return whether two queries find the same. */
export function isSameQuery(one, other) {
  const [file, otherFile] = [one, other].map(({ terms }) => terms.find((term) => term.file));
  return addressOf(one) === addressOf(other) && file?.file === otherFile?.file && file?.weight === otherFile?.weight;
}

/** Return the URL of a query and of a picture opened in it; it cannot contain a local picture. */
export function addressOf(query, image = null) {
  const address = new URLSearchParams();
  if (query.text) address.set('q', query.text);
  for (const term of query.terms) {
    if (term.image) address.append('like', term.weight === 1 ? term.image : `${term.image}~${term.weight}`);
  }
  for (const tag of query.tags) address.append('tag', tag);
  for (const name of FILTER_NAMES) if (name in query.filters) address.set(name, query.filters[name]);
  if (query.minScore !== null) address.set('min', query.minScore);
  if (query.group !== null) address.set('group', query.group);
  if (query.sort !== null) address.set('sort', query.sort);
  if (image) address.set('image', image);
  return address.size ? `${ROOT}/?${address}` : `${ROOT}/`;
}

/** Parse the query of a URL; malformed parts are ignored. */
export function queryOf(search) {
  const address = new URLSearchParams(search);
  const filters = FILTER_NAMES.map((name) => [name, readFilter(name, address.get(name))]);
  return {
    text: (address.get('q') ?? '').trim(),
    terms: address.getAll('like').map(termOf).filter(Boolean),
    tags: [...new Set(address.getAll('tag').filter(Boolean))],
    filters: Object.fromEntries(filters.filter(([, value]) => value !== null)),
    minScore: numberOf(address.get('min'), -1, 1),
    group: address.get('group') === AUTO ? AUTO : numberOf(address.get('group'), 0.5, 1),
    sort: SORTS.find((sort) => sort === address.get('sort')) ?? null,
  };
}

/** Return the id of the picture that a URL opens, or null; the id may be unknown. */
export function imageOf(search) {
  return new URLSearchParams(search).get('image') || null;
}

function numberOf(text, min, max) {
  const number = text ? Number(text) : NaN;
  return number >= min && number <= max ? number : null;
}

function termOf(text) {
  const [, image, weight] = /^([0-9a-f]{64})(?:~(-?\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  return image && { image, name: '', weight: Number(weight ?? 1) };
}
