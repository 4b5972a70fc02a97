// The near-duplicates that are grouped with a picture, as small pictures.

import { byId, fromTemplate, show } from '../elements.js';
import { baseName, count } from '../format.js';
import { showPicture } from '../service/pictures.js';

// Side of the pictures, in pixels: one of the sizes that the service stores.
const SIDE_PX = 150;

/** Show the members of a group, each a link to `address(member)` that calls `open(member)`; hide an empty group. */
export function showMembers(members, { address, open }) {
  show(byId('details-group'), members.length > 0);
  byId('details-group-title').textContent = count(members.length, 'near-duplicate');
  byId('details-members').replaceChildren(...members.map((member) => {
    const item = fromTemplate('member');
    const link = item.querySelector('a');
    const name = baseName(member.filename);
    link.href = address(member);
    link.title = member.filename;
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      open(member);
    });
    showPicture(item.querySelector('img'), `${member.links.thumbnail}?size=${SIDE_PX}`);
    item.querySelector('span').textContent = name;
    return item;
  }));
}
