// Collects files from drops, folders and pastes, each with its path.

const PICTURE = /\.(bmp|gif|jfif|jpe|jpeg|jpg|png|tif|tiff|webp)$/i;
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

/** Return whether to upload a file found in a folder. Files selected individually are always uploaded. */
function isWanted(file) {
  return !file.name.startsWith('.') && (PICTURE.test(file.name) || file.type.startsWith('image/') || Boolean(archiveType(file)));
}

/** Return [{file, path}] for files selected individually or with their folder. */
export function chosen(files) {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(({ file, path }) => path === file.name || isWanted(file));
}

/** Return [{file, path}] for a drop, including the content of its folders. */
export async function dropped(transfer) {
  // Read the entries synchronously: the browser clears them when the event ends.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found, true);
  return found;
}

async function walk(entry, found, isTopLevel) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    if (isTopLevel || isWanted(file)) found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return;
  }
  for (const child of await children(entry)) await walk(child, found, false);
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
