// The page: one query, kept in its address, and what can be done with it.

import { Details } from './details.js';
import { Drawer } from './drawer.js';
import { Drops } from './drops.js';
import { byId } from './elements.js';
import { Grid } from './grid.js';
import { onKey } from './key.js';
import { Limits } from './limits.js';
import { addressOf, emptyQuery, looksForNothing, queryOf, withFile, withImage, withTag } from './query.js';
import { Results } from './results.js';
import { Terms } from './terms.js';

// Pictures from the reader's own machine, by the number under which the history knows them.
const files = [];
let query = emptyQuery();

const grid = new Grid({
  open: (picture) => details.open(picture),
  more: (picture) => askLike(picture, true),
  less: (picture) => askLike(picture, false),
});
const details = new Details({
  more: (picture) => askLike(picture, true),
  less: (picture) => askLike(picture, false),
  tag: (tag) => askFor(withTag(query, tag)),
  deleted: (picture) => {
    grid.remove(picture);
    results.removed();
  },
  beside: (picture, steps) => grid.beside(picture, steps),
  closed: (picture) => grid.focus(picture),
});
const drawer = new Drawer(() => looksForNothing(query) && results.show(query));
const results = new Results(grid, {
  add: () => drawer.open(),
  clear: () => askFor(emptyQuery()),
  seen: suggestTags,
});
const terms = new Terms(askFor);
const limits = new Limits(askFor);
new Drops({ search: searchWith, add: (found) => drawer.add(found) });

/** Look for something else, as a new step of the history. */
function askFor(wanted) {
  const file = wanted.terms.find((term) => term.file);
  const kept = file && { number: numberOf(file.file), weight: file.weight };
  const address = addressOf(wanted);
  const same = address === location.pathname + location.search && !kept && !history.state?.file;
  history[same ? 'replaceState' : 'pushState']({ file: kept }, '', address);
  window.scrollTo({ top: 0 });
  put(wanted);
}

/** Look for more, or less, like a picture; its tile goes, so the focus goes to what comes. */
function askLike(picture, more) {
  askFor(withImage(query, picture, more));
  byId('results').focus({ preventScroll: true });
}

/** Show a query and what it brings. */
function put(wanted) {
  query = wanted;
  byId('text').value = wanted.text;
  document.title = wanted.text ? `${wanted.text} · Glimpse` : 'Glimpse';
  terms.show(wanted);
  limits.show(wanted);
  results.show(wanted);
}

function putAddress() {
  const wanted = queryOf(location.search);
  const kept = history.state?.file;
  const file = kept && files[kept.number];
  if (file) wanted.terms.unshift({ file, name: file.name, weight: kept.weight });
  put(wanted);
}

function numberOf(file) {
  if (!files.includes(file)) files.push(file);
  return files.indexOf(file);
}

function searchWith(file) {
  askFor(withFile({ ...query, text: byId('text').value.trim() }, file));
}

function suggestTags(pictures) {
  const known = byId('known-tags');
  const there = new Set([...known.children].map(({ value }) => value));
  for (const tag of new Set(pictures.flatMap(({ tags }) => tags))) {
    if (!there.has(tag)) known.append(new Option('', tag));
  }
}

byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  askFor({ ...query, text: byId('text').value.trim() });
});
byId('text').addEventListener('search', () => {
  // The cross in the box empties it without a submit.
  if (!byId('text').value && query.text) askFor({ ...query, text: '' });
});
byId('tag-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const tag = byId('tag').value.trim();
  byId('tag').value = '';
  if (tag) askFor(withTag(query, tag));
});
byId('choose-picture').addEventListener('click', () => byId('picture-file').click());
byId('picture-file').addEventListener('change', ({ target }) => {
  if (target.files.length) searchWith(target.files[0]);
  target.value = '';
});
byId('home').addEventListener('click', (event) => {
  event.preventDefault();
  askFor(emptyQuery());
});
byId('skip').addEventListener('click', (event) => {
  // A fragment in the address would be a step of the history, and no other query.
  event.preventDefault();
  byId('results').focus();
});
byId('open-uploads').addEventListener('click', () => drawer.open());
byId('open-jobs').addEventListener('click', () => {
  drawer.open();
  byId('jobs-title').scrollIntoView({ block: 'start' });
  byId('jobs-title').focus();
});
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, dialog');
  if (event.key !== '/' || typing) return;
  event.preventDefault();
  byId('text').focus();
});
window.addEventListener('popstate', putAddress);
// Pictures of the query that could not be had without a key.
onKey(() => terms.show(query));
putAddress();
