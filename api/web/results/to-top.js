// The way back to the top of a long page.

import { byId, show } from '../elements.js';

/** Offer a button that leads to the top, once the reader has left it by half a screen. */
export function offerTop() {
  const button = byId('to-top');
  new IntersectionObserver(([{ isIntersecting }]) => show(button, !isIntersecting), {
    rootMargin: '50% 0px 0px',
  }).observe(byId('top'));
  button.addEventListener('click', () => {
    window.scrollTo({ top: 0 });
    // The button is about to disappear. The search box would open the keyboard of a phone.
    byId('home').focus({ preventScroll: true });
  });
}
