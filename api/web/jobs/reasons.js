// Why pictures failed, in words.

// Instead of the service's words: of what is no fault of the picture, and of what the page itself has found.
const REASONS = {
  unreadable: 'The browser could not read it. It may have been moved, changed or deleted.',
  quarantined: 'This picture repeatedly crashed the service, so it was quarantined.',
  encoder_error: 'The model could not process this picture. Try again later.',
  store_error: 'The picture could not be stored. Try again later.',
};

/** Return the reason why an item of a job failed. */
export function reasonOf({ code, detail }) {
  return REASONS[code] ?? (detail || 'The service reported no reason.');
}
