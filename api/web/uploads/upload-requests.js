// Divides an upload into requests of limited size.

import { ROOT } from '../service/root.js';
import { archiveType } from './files.js';
import { UploadJob } from './upload-job.js';

// Maximum number of files in a request: by default, two whole ingest tasks.
const FILES_MAX = 64;
// Maximum number of bytes in a request, unless a single file is larger.
const BYTES_MAX = 32_000_000;

/** Divide [{file, path}] into upload requests {files, bytes, job}; an archive has a request and a job of its own. */
export function uploadRequestsOf(files, tags) {
  const requests = [];
  if (!files.length) return requests;
  const job = new UploadJob(files, tags);
  let open = null;
  for (const one of files) {
    if (archiveType(one.file)) {
      requests.push({ files: [one], bytes: one.file.size, job: null, archive: archiveType(one.file) });
      continue;
    }
    if (!open || open.files.length === FILES_MAX || open.bytes + one.file.size > BYTES_MAX) {
      open = { files: [], bytes: 0, job };
      requests.push(open);
    }
    open.files.push(one);
    open.bytes += one.file.size;
  }
  return requests;
}

/** Return the size of files together, in bytes. */
export function bytesOf(files) {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}

/** Split an upload request that was too large into two. */
export function halves({ files, job }) {
  const middle = Math.ceil(files.length / 2);
  return [files.slice(0, middle), files.slice(middle)].map((half) => ({
    files: half,
    bytes: bytesOf(half),
    job,
  }));
}

/** Return the path, body and headers of the HTTP request, which adds to an open job unless it is an archive. */
export function httpRequestOf({ files, archive }, openJob) {
  if (archive) {
    const path = `${ROOT}/v1/images?filename=${encodeURIComponent(files[0].path)}`;
    return { path, body: files[0].file, headers: { 'Content-Type': archive } };
  }
  const body = new FormData();
  for (const { file, path } of files) body.append('file', file, path);
  return { path: `${ROOT}/v1/images?job=${openJob.id}`, body, headers: {} };
}
