// The name of the model that answers searches.

import { byId, setText, show } from '../elements.js';
import { call } from './api.js';
import { ROOT } from './root.js';

// What readers should know of some models.
const NOTES = {
  starter: ', a small stand-in for CLIP. It knows everyday things by their names, but no styles, moods or writing.',
};

/** Show the model below the search box, if the service answers searches. */
export async function showModel() {
  try {
    const { data } = await call('GET', `${ROOT}/readyz?for=search`);
    const model = data.parts.find(({ part }) => part === 'worker-search')?.model;
    if (!model) return;
    setText(byId('model'), `Model: ${model}${NOTES[model] ?? ''}`);
    show(byId('model'), true);
  } catch {
    // The next search reports what is unavailable.
  }
}
