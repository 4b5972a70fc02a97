// Collects files from drops, folders and pastes, each with its path.

// Suffixes of files in folders that are presumed to be pictures, as for `glimpse ingest`.
const PICTURES = new Set([
  'arw', 'avif', 'bmp', 'cr2', 'cr3', 'dng', 'gif', 'heic', 'heif', 'hif', 'ico', 'j2k', 'jfif', 'jp2', 'jpe', 'jpeg', 'jpg', 'jpx',
  'jxl', 'nef', 'orf', 'pbm', 'pgm', 'png', 'pnm', 'ppm', 'psd', 'raf', 'rw2', 'tga', 'tif', 'tiff', 'webp',
]);
// Folders in which systems keep thumbnails, metadata and deleted files.
const SYSTEM_FOLDERS = new Set([
  '@eaDir', '#recycle', '@Recycle', '@Recently-Snapshot', '#snapshot', '$RECYCLE.BIN', 'System Volume Information', 'lost+found', '__MACOSX',
]);
const ARCHIVES = [
  [/\.zip$/i, 'application/zip'],
  [/\.tar$/i, 'application/x-tar'],
  [/\.(tgz|tar\.gz)$/i, 'application/gzip'],
  [/\.(txz|tar\.xz)$/i, 'application/x-xz'],
  [/\.(tbz2?|tar\.bz2)$/i, 'application/x-bzip2'],
  [/\.(tzst|tar\.zst)$/i, 'application/zstd'],
];

/** Return the media type of an archive from its file name, or undefined if it is not one. */
export function archiveType(file) {
  return ARCHIVES.find(([pattern]) => pattern.test(file.name))?.[1];
}

/** Return whether the browser can read a file: it may have been moved, changed or deleted since it was chosen. */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** The files of a choice or a drop: `files` to upload, as {file, path}; how many others are skipped; and paths that cannot be read. */
class Found {
  files = [];
  skipped = 0;
  unreadable = [];

  /** Take a file, unless it was found in a folder and is no picture. */
  take(file, path) {
    if (isIgnored(path)) return;
    if (!path.includes('/') || PICTURES.has(suffixOf(file)) || archiveType(file)) this.files.push({ file, path });
    else this.skipped += 1;
  }
}

/** Return whether something in a folder is hidden or the system's, and not worth a word. */
function isIgnored(path) {
  const [, ...below] = path.split('/');
  return below.some((part) => part.startsWith('.') || SYSTEM_FOLDERS.has(part));
}

function suffixOf({ name }) {
  return /\.([^.]+)$/.exec(name)?.[1].toLowerCase();
}

/** Return what was found among files selected individually or with their folder. */
export function chosen(files) {
  const found = new Found();
  for (const file of files) found.take(file, file.webkitRelativePath || file.name);
  return found;
}

/** Return what was found in a drop, including the content of its folders. */
export async function dropped(transfer) {
  // Read the entries synchronously: the browser clears them when the event ends.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = new Found();
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  const path = entry.fullPath.slice(1);
  if (isIgnored(path)) return;
  try {
    if (entry.isFile) found.take(await new Promise((resolve, reject) => { entry.file(resolve, reject); }), path);
    else for (const child of await children(entry)) await walk(child, found);
  } catch {
    // A link that leads nowhere, or a folder that only its owner may enter.
    found.unreadable.push(path);
  }
}

async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  // A reader returns up to a hundred entries at a time, and finally an empty list.
  for (;;) {
    const batch = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!batch.length) return all;
    all.push(...batch);
  }
}
