// The entry point: keeps the query in the page's URL and connects the parts of the page.

import { Details } from './details.js';
import { Drawer } from './drawer.js';
import { Drops } from './drops.js';
import { byId } from './elements.js';
import { Grid } from './grid.js';
import { onKey } from './key.js';
import { Limits } from './limits.js';
import { addressOf, emptyQuery, hasNoTerms, queryOf, withFile, withImage, withTag } from './query.js';
import { Results } from './results.js';
import { Terms } from './terms.js';

// Local pictures used in queries; history entries refer to them by index.
const files = [];
let query = emptyQuery();

const grid = new Grid({
  open: (picture) => details.open(picture),
  more: (picture) => searchLike(picture, true),
  less: (picture) => searchLike(picture, false),
});
const details = new Details({
  more: (picture) => searchLike(picture, true),
  less: (picture) => searchLike(picture, false),
  tag: (tag) => runQuery(withTag(query, tag)),
  deleted: (picture) => {
    grid.remove(picture);
    results.removed();
  },
  neighbour: (picture, steps) => grid.neighbour(picture, steps),
  closed: (picture) => grid.focus(picture),
});
const drawer = new Drawer(() => hasNoTerms(query) && results.show(query));
const results = new Results(grid, {
  add: () => drawer.open(),
  clear: () => runQuery(emptyQuery()),
  seen: suggestTags,
});
const terms = new Terms(runQuery);
const limits = new Limits(runQuery);
new Drops({ search: searchByFile, add: (found) => drawer.add(found) });

/** Run a query as a new history entry. */
function runQuery(next) {
  const file = next.terms.find((term) => term.file);
  const kept = file && { index: indexOf(file.file), weight: file.weight };
  const address = addressOf(next);
  const same = address === location.pathname + location.search && !kept && !history.state?.file;
  history[same ? 'replaceState' : 'pushState']({ file: kept }, '', address);
  window.scrollTo({ top: 0 });
  showQuery(next);
}

/** Search for more, or less, like a picture. The tile disappears, so move the focus to the results. */
function searchLike(picture, more) {
  runQuery(withImage(query, picture, more));
  byId('results').focus({ preventScroll: true });
}

/** Show a query and its results. */
function showQuery(next) {
  query = next;
  byId('text').value = next.text;
  document.title = next.text ? `${next.text} · Glimpse` : 'Glimpse';
  terms.show(next);
  limits.show(next);
  results.show(next);
}

function showFromUrl() {
  const next = queryOf(location.search);
  const kept = history.state?.file;
  const file = kept && files[kept.index];
  if (file) next.terms.unshift({ file, name: file.name, weight: kept.weight });
  showQuery(next);
}

function indexOf(file) {
  if (!files.includes(file)) files.push(file);
  return files.indexOf(file);
}

function searchByFile(file) {
  runQuery(withFile({ ...query, text: byId('text').value.trim() }, file));
}

function suggestTags(pictures) {
  const known = byId('known-tags');
  const suggested = new Set([...known.children].map(({ value }) => value));
  for (const tag of new Set(pictures.flatMap(({ tags }) => tags))) {
    if (!suggested.has(tag)) known.append(new Option('', tag));
  }
}

byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  runQuery({ ...query, text: byId('text').value.trim() });
});
byId('text').addEventListener('search', () => {
  // The clear button of the search box fires no submit event.
  if (!byId('text').value && query.text) runQuery({ ...query, text: '' });
});
byId('tag-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const tag = byId('tag').value.trim();
  byId('tag').value = '';
  if (tag) runQuery(withTag(query, tag));
});
byId('choose-picture').addEventListener('click', () => byId('picture-file').click());
byId('picture-file').addEventListener('change', ({ target }) => {
  if (target.files.length) searchByFile(target.files[0]);
  target.value = '';
});
byId('home').addEventListener('click', (event) => {
  event.preventDefault();
  runQuery(emptyQuery());
});
byId('skip').addEventListener('click', (event) => {
  // A fragment in the URL would add a history entry without changing the query.
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
window.addEventListener('popstate', showFromUrl);
// Load the query's pictures again, which failed without a key.
onKey(() => terms.show(query));
showFromUrl();
