// The entry point: connects the parts of the page.

import { byId } from './elements.js';
import { Navigation } from './navigation.js';
import { Deletions } from './picture/deletions.js';
import { Details } from './picture/details.js';
import { FilterPanel } from './query/filter-panel.js';
import { Limits } from './query/limits.js';
import { Orders } from './query/orders.js';
import { addressOf, emptyQuery, hasNoTerms, withFile, withImage, withTag } from './query/query.js';
import { suggestTags } from './query/tag-suggestions.js';
import { Terms } from './query/terms.js';
import { Timeline } from './query/timeline.js';
import { Grid } from './results/grid.js';
import { Results } from './results/results.js';
import { Scrubber, yearOf } from './results/scrubber.js';
import { offerTop } from './results/to-top.js';
import { SelectionBar } from './selection/selection-bar.js';
import { SelectionTags } from './selection/selection-tags.js';
import { Selection } from './selection/selection.js';
import { onKey } from './service/key.js';
import { showModel } from './service/model.js';
import { Drawer } from './uploads/drawer.js';
import { Drops } from './uploads/drops.js';

const selection = new Selection(() => {
  grid.showSelection();
  selectionBar.show();
});
const grid = new Grid(selection, {
  open: (picture) => navigation.open(picture.id),
  address: (picture) => addressOf(navigation.query, picture.id),
  more: (picture) => searchLike(picture, true),
  less: (picture) => searchLike(picture, false),
  reading: (picture) => scrubber.mark(picture),
});
const details = new Details({
  find: (id) => grid.find(id),
  neighbour: (id, steps) => grid.neighbour(id, steps),
  open: (picture) => navigation.open(picture.id),
  address: (picture) => addressOf(navigation.query, picture.id),
  close: () => navigation.close(),
  closed: (id) => grid.focus(id) || byId('results').focus({ preventScroll: true }),
  more: (picture) => searchLike(picture, true),
  less: (picture) => searchLike(picture, false),
  tag: (tag) => runQuery(withTag(navigation.query, tag)),
  delete: async (picture) => {
    await navigation.close();
    deletions.delete([picture]);
  },
});
const deletions = new Deletions({
  hide: (pictures) => {
    grid.hide(pictures.map(({ id }) => id));
    results.removed(pictures.length);
  },
  restore: async (pictures) => {
    grid.reveal(pictures.map(({ id }) => id));
    await results.show(navigation.query, { ...grid.reader, size: grid.size + pictures.length });
    grid.focus(pictures[0].id);
  },
  // They may be added again.
  deleted: (pictures) => grid.reveal(pictures.map(({ id }) => id)),
});
const selectionTags = new SelectionTags();
const selectionBar = new SelectionBar(selection, {
  tag: (pictures) => selectionTags.open(pictures),
  delete: (pictures) => {
    selection.clear();
    deletions.delete(pictures);
  },
  cleared: () => grid.focusCurrent(),
});
const drawer = new Drawer(() => hasNoTerms(navigation.query) && !navigation.isLost && results.show(navigation.query));
const results = new Results(grid, {
  add: () => drawer.open(),
  clear: () => runQuery(emptyQuery()),
  change: runQuery,
  choose: choosePicture,
  seen: () => details.showSteps(),
});
const terms = new Terms(runQuery);
const filterPanel = new FilterPanel(runQuery);
const timeline = new Timeline(runQuery);
const limits = new Limits(runQuery);
const orders = new Orders(runQuery);
const scrubber = new Scrubber({ go: (year) => grid.scrollTo((picture) => yearOf(picture) === year), change: runQuery });
const navigation = new Navigation({
  query: showQuery,
  picture: showPicture,
  place: () => (results.isLoading ? null : { ...grid.reader, size: grid.size }),
});
new Drops({ search: searchByFile, add: (found) => drawer.add(found) });

function runQuery(next) {
  navigation.run(next);
}

/** Search for more, or less, like a picture. The tile disappears, so move the focus to the results. */
function searchLike(picture, more) {
  runQuery(withImage(navigation.query, picture, more));
  byId('results').focus({ preventScroll: true });
}

/** Show a query and its results, at the place where the reader left them. */
function showQuery(query, place, isPictureLost) {
  byId('text').value = query.text;
  selection.clear();
  terms.show(query);
  filterPanel.show(query);
  timeline.show(query);
  limits.show(query);
  orders.show(query);
  scrubber.show(query);
  if (isPictureLost) results.showLost(query);
  else results.show(query, place);
}

/** Open a picture, or close the open one if the id is null. */
function showPicture(id) {
  if (id === null) {
    details.hide();
    document.title = navigation.query.text ? `${navigation.query.text} · Glimpse` : 'Glimpse';
    return;
  }
  details.show(id);
  // Stepping past the last loaded picture needs the next page.
  if (!grid.neighbour(id, 1)) results.more();
}

function choosePicture() {
  byId('picture-file').click();
}

function searchByFile(file) {
  runQuery(withFile({ ...navigation.query, text: byId('text').value.trim() }, file));
}

byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  runQuery({ ...navigation.query, text: byId('text').value.trim() });
});
byId('text').addEventListener('search', () => {
  // The clear button of the search box fires no submit event.
  if (!byId('text').value && navigation.query.text) runQuery({ ...navigation.query, text: '' });
});
byId('choose-picture').addEventListener('click', choosePicture);
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
byId('open-jobs').addEventListener('click', () => drawer.open({ adds: false }));
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, dialog');
  if (event.key !== '/' || typing) return;
  event.preventDefault();
  byId('text').focus();
});
byId('unloaded').remove();
// Load the query's pictures again, which failed without a key.
onKey(() => terms.show(navigation.query));
navigation.show();
showModel();
suggestTags();
offerTop();
