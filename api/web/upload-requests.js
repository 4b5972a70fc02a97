// Divides an upload into requests of limited size.

import { archiveType } from './files.js';
import { ROOT } from './root.js';

// Maximum number of files in a request.
const FILES_MAX = 50;
// Maximum number of bytes in a request, unless a single file is larger.
const BYTES_MAX = 32_000_000;

/** Divide [{file, path}] into upload requests {files, bytes, tags}; an archive gets a request of its own. */
export function uploadRequestsOf(files, tags) {
  const requests = [];
  let open = null;
  for (const one of files) {
    if (archiveType(one.file)) {
      requests.push({ files: [one], bytes: one.file.size, tags, archive: archiveType(one.file) });
      continue;
    }
    if (!open || open.files.length === FILES_MAX || open.bytes + one.file.size > BYTES_MAX) {
      open = { files: [], bytes: 0, tags };
      requests.push(open);
    }
    open.files.push(one);
    open.bytes += one.file.size;
  }
  return requests;
}

/** Split an upload request that was too large into two. */
export function halves({ files, tags }) {
  const middle = Math.ceil(files.length / 2);
  return [files.slice(0, middle), files.slice(middle)].map((half) => ({
    files: half,
    bytes: half.reduce((sum, { file }) => sum + file.size, 0),
    tags,
  }));
}

/** Return the path, body and headers of the HTTP request. */
export function httpRequestOf({ files, tags, archive }) {
  if (archive) {
    const path = `${ROOT}/v1/images?filename=${encodeURIComponent(files[0].path)}`;
    return { path, body: files[0].file, headers: { 'Content-Type': archive } };
  }
  const body = new FormData();
  // The metadata comes first: the service processes the body as a stream.
  if (tags.length) body.append('metadata', JSON.stringify({ tags }));
  for (const { file, path } of files) body.append('file', file, path);
  return { path: `${ROOT}/v1/images`, body, headers: {} };
}
