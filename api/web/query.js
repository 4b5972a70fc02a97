// What is looked for: a text, weighted pictures, tags and limits. It lives in the page's address.

// Weight of "more like this" beside other terms: a picture's own voice is far louder than a text's.
const MORE_BESIDE = 0.5;
// Weight of "less like this".
const LESS = -0.5;
/** Cosine from which on the page takes pictures for near-duplicates. */
export const ALIKE = 0.95;

/** Return a query that looks for nothing. */
export function emptyQuery() {
  return { text: '', terms: [], tags: [], minScore: null, group: null };
}

/** Tell whether nothing is looked for; then the newest pictures are shown. */
export function looksForNothing(query) {
  return !query.text && !query.terms.length;
}

/** Return the query with a picture to be more, or less, like; an image has one term at most. */
export function withImage(query, picture, more) {
  const others = query.terms.filter((term) => term.image !== picture.id);
  const alone = !query.text && !others.length;
  const weight = more ? (alone ? 1 : MORE_BESIDE) : LESS;
  return { ...query, terms: [...others, { image: picture.id, name: picture.filename, weight }] };
}

/** Return the query with a picture from the reader's own machine, instead of another such. */
export function withFile(query, file) {
  const others = query.terms.filter((term) => !term.file);
  const alone = !query.text && !others.length;
  return { ...query, terms: [{ file, name: file.name, weight: alone ? 1 : MORE_BESIDE }, ...others] };
}

/** Return the query without one of its terms. */
export function withoutTerm(query, term) {
  return { ...query, terms: query.terms.filter((other) => other !== term) };
}

/** Return the query with another weight for one of its terms. */
export function withWeight(query, term, weight) {
  return { ...query, terms: query.terms.map((other) => (other === term ? { ...term, weight } : other)) };
}

/** Return the query for pictures that have this tag, too. */
export function withTag(query, tag) {
  return { ...query, tags: [...new Set([...query.tags, tag])] };
}

/** Return the query for pictures with or without this tag. */
export function withoutTag(query, tag) {
  return { ...query, tags: query.tags.filter((other) => other !== tag) };
}

/** Return the query for hits of this score at least, or of any where it is null. */
export function withMinScore(query, minScore) {
  return { ...query, minScore };
}

/** Return the query with pictures so alike as this cosine shown as one, or with all where it is null. */
export function withGroups(query, group) {
  return { ...query, group };
}

/** Return the address of a query; a picture from the reader's own machine cannot be part of it. */
export function addressOf(query) {
  const address = new URLSearchParams();
  if (query.text) address.set('q', query.text);
  for (const term of query.terms) {
    if (term.image) address.append('like', term.weight === 1 ? term.image : `${term.image}~${term.weight}`);
  }
  for (const tag of query.tags) address.append('tag', tag);
  if (query.minScore !== null) address.set('min', query.minScore);
  if (query.group !== null) address.set('group', query.group);
  return address.size ? `/?${address}` : '/';
}

/** Read the query of an address; what is malformed in it is left out. */
export function queryOf(search) {
  const address = new URLSearchParams(search);
  return {
    text: (address.get('q') ?? '').trim(),
    terms: address.getAll('like').map(termOf).filter(Boolean),
    tags: [...new Set(address.getAll('tag').filter(Boolean))],
    minScore: numberOf(address.get('min'), -1, 1),
    group: numberOf(address.get('group'), 0.5, 1),
  };
}

function numberOf(text, least, most) {
  const number = text ? Number(text) : NaN;
  return number >= least && number <= most ? number : null;
}

function termOf(text) {
  const [, image, weight] = /^([0-9a-f]{64})(?:~(-?\d+(?:\.\d+)?))?$/.exec(text) ?? [];
  return image && { image, name: '', weight: Number(weight ?? 1) };
}
