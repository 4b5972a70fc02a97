// Readable reasons for failed pictures. docs/api.md lists the codes, except for `unreadable`, which is the page's own.

const REASONS = {
  unreadable: 'The browser could not read it. It may have been moved, changed or deleted.',
  empty: 'The file is empty.',
  not_an_image: 'The file is not a picture.',
  unsupported_format: 'This format is not supported. Use JPEG, PNG, WebP, HEIC or AVIF.',
  truncated: 'The picture is truncated or damaged.',
  decoder_failed: 'The picture could not be decoded. Convert it to JPEG or PNG.',
  decoding_too_long: 'Decoding this picture takes too long. Convert it to JPEG or PNG.',
  too_many_pixels: 'The picture has too many pixels.',
  too_large: 'The file is too large.',
  quarantined: 'This picture repeatedly crashed the service, so it was quarantined.',
  quota_exceeded: 'You have as many pictures as your quota allows. Delete some and try again.',
  encoder_error: 'The model could not process this picture. Try again later.',
  store_error: 'The picture could not be stored. Try again later.',
};

/** Return the reason why an item of a job failed. */
export function reasonOf({ code, detail }) {
  return REASONS[code] ?? (detail || 'The service reported no reason.');
}
