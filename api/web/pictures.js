// Pictures of the service in the page: by their addresses, or fetched where a key has to be shown.

import { fetchBlob } from './api.js';
import { hasKey } from './key.js';

// Milliseconds in which a browser has begun to save what it was given.
const SAVED_MS = 60_000;

// What each element is to show; what comes later than a change of mind is not shown.
const wanted = new WeakMap();

/** Show a picture in an element; one that cannot be had gives the element an `error`. */
export async function showPicture(image, address) {
  wanted.set(image, address);
  if (!hasKey()) {
    image.src = address;
    return;
  }
  try {
    const blob = await fetchBlob(address);
    if (wanted.get(image) === address) showBlob(image, blob);
  } catch {
    if (wanted.get(image) === address) image.dispatchEvent(new Event('error'));
  }
}

/** Show a thumbnail as large as the screen is fine. */
export function showThumbnail(image, address, side, sideFine) {
  showPicture(image, `${address}?size=${window.devicePixelRatio > 1 ? sideFine : side}`);
}

function showBlob(image, blob) {
  const url = URL.createObjectURL(blob);
  const forget = () => URL.revokeObjectURL(url);
  image.addEventListener('load', forget, { once: true });
  image.addEventListener('error', forget, { once: true });
  image.src = url;
}

/** Let a link lead to a picture; where a key has to be shown, it saves the picture instead. */
export function linkPicture(link, address, name, onProblem) {
  link.href = address;
  link.onclick = hasKey() ? (event) => save(event, address, name).catch(onProblem) : null;
}

async function save(event, address, name) {
  event.preventDefault();
  const url = URL.createObjectURL(await fetchBlob(address));
  const link = document.createElement('a');
  link.href = url;
  // Saved and never opened: it is a stranger's file, and its address would be of this page.
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), SAVED_MS);
}
