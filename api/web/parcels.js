// Parcels: what goes to the service in one request.

import { archiveType } from './files.js';

// Files in one request, at most.
const FILES_MAX = 50;
// Bytes in one request, at most, unless a single file has more.
const BYTES_MAX = 32_000_000;

/** Cut [{file, path}] into parcels {files, bytes, tags}; an archive goes by itself. */
export function parcelsOf(files, tags) {
  const parcels = [];
  let open = null;
  for (const one of files) {
    if (archiveType(one.file)) {
      parcels.push({ files: [one], bytes: one.file.size, tags, archive: archiveType(one.file) });
      continue;
    }
    if (!open || open.files.length === FILES_MAX || open.bytes + one.file.size > BYTES_MAX) {
      open = { files: [], bytes: 0, tags };
      parcels.push(open);
    }
    open.files.push(one);
    open.bytes += one.file.size;
  }
  return parcels;
}

/** Return two halves of a parcel that was too large. */
export function halves({ files, tags }) {
  const middle = Math.ceil(files.length / 2);
  return [files.slice(0, middle), files.slice(middle)].map((some) => ({
    files: some,
    bytes: some.reduce((sum, { file }) => sum + file.size, 0),
    tags,
  }));
}

/** Return the request of a parcel: its path, body and headers. */
export function requestOf({ files, tags, archive }) {
  if (archive) {
    const path = `/v1/images?filename=${encodeURIComponent(files[0].path)}`;
    return { path, body: files[0].file, headers: { 'Content-Type': archive } };
  }
  const body = new FormData();
  // Before the pictures: the service reads a body from its start.
  if (tags.length) body.append('metadata', JSON.stringify({ tags }));
  for (const { file, path } of files) body.append('file', file, path);
  return { path: '/v1/images', body, headers: {} };
}
