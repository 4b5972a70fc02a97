// What a picture's file says of itself, in words.

/** Return pairs of a name and a text for the photo info of an image. */
export function photoFacts(photo) {
  if (!photo) return [];
  const facts = [
    ['Taken', photo.taken_at && taken(photo.taken_at)],
    ['Camera', photo.camera],
    ['Lens', photo.lens],
    ['Place', photo.location && place(photo.location)],
    ['Description', photo.description],
    ['Keywords', photo.keywords.join(', ')],
  ];
  return facts.filter(([, text]) => text);
}

/** Return a time as the camera's clock showed it, not in the reader's time zone, with its offset if known. */
function taken(rfc3339) {
  const [, local, offset] = /^(.*?)(Z|[+-]\d\d:\d\d)?$/i.exec(rfc3339);
  const time = new Date(`${local}Z`);
  if (Number.isNaN(time.valueOf())) return rfc3339;
  const shown = time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  return offset ? `${shown}, UTC${offset.toUpperCase() === 'Z' ? '' : offset}` : shown;
}

function place({ latitude, longitude, altitude, country, town }) {
  const names = [town, country && countryName(country)].filter(Boolean).join(', ');
  const where = [degrees(latitude, 'N', 'S'), degrees(longitude, 'E', 'W')];
  if (altitude !== null) where.push(`${Math.round(altitude).toLocaleString('en')}\u00a0m`);
  return names ? `${names} (${where.join(', ')})` : where.join(', ');
}

function countryName(code) {
  return /^[A-Z]{2}$/.test(code) ? new Intl.DisplayNames(undefined, { type: 'region' }).of(code) : code;
}

function degrees(value, positive, negative) {
  return `${Math.abs(value).toFixed(4)}° ${value < 0 ? negative : positive}`;
}
