// Why a picture failed, in words for people. docs/api.md lists the codes.

const REASONS = {
  empty: 'The file is empty.',
  not_an_image: 'This is not a picture.',
  unsupported_format: 'Pictures of this format are not opened. JPEG, PNG, GIF, WebP, BMP and TIFF are.',
  truncated: 'The picture breaks off or is damaged.',
  too_many_pixels: 'The picture has more pixels than one may have.',
  too_large: 'The file is larger than one may be.',
  quarantined: 'Something in this picture stops the service each time. It was set aside.',
  encoder_error: 'The model could not read this picture. Try it again later.',
  store_error: 'The picture could not be stored. Try it again later.',
};

/** Return why an item of a job failed. */
export function reasonOf({ code, detail }) {
  return REASONS[code] ?? (detail || 'It failed, and the service did not say why.');
}
