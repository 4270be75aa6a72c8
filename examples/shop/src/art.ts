import { dangerouslySetHtml, encodeAttribute, type SafeHtml } from '@shop/security-middleware/encode'

/** What each kind of product looks like: shapes in a box of 64 by 64, `l` lightens and `d` darkens the product's colour. */
const shapes = {
  mug: '<path d="M17 22h26v20a9 9 0 0 1-9 9h-8a9 9 0 0 1-9-9z"/><path class="s" d="M43 27h3a7 7 0 0 1 0 14h-3"/><path class="l" d="M21 26h4v18h-4z"/><path class="s l" d="M25 11c3 3-3 4 0 7M33 11c3 3-3 4 0 7"/>',
  pan: '<circle cx="26" cy="36" r="16"/><circle class="d" cx="26" cy="36" r="12"/><path d="m39 26 15-11 3 4-14 12z"/>',
  knife:
    '<path d="M24 8c10 6 13 20 11 32H24z"/><path class="l" d="M24 8c4 8 5 20 4 32h-4z"/><path class="d" d="M24 40h9v13a3 3 0 0 1-3 3h-3a3 3 0 0 1-3-3z"/>',
  teapot:
    '<path d="M17 35a15 14 0 0 1 30 0c0 9-6 16-15 16s-15-7-15-16z"/><path d="m44 33 12-8-7 18z"/><path class="s" d="M19 30c-12-3-13 15 0 13"/><circle cx="32" cy="17" r="3.5"/><path class="d" d="M20 27h24v3H20z"/>',
  lamp: '<path d="M24 12h16l9 22H15z"/><path class="l" d="M24 12h6l-6 22h-9z"/><path class="d" d="M30 34h4v17h-4z"/><path d="M21 51h22v4H21z"/>',
  chair: '<path d="M18 9h6v26h-6zM18 36h28v6H18zM19 42h4v14h-4zM41 42h4v14h-4z"/><path class="l" d="M24 30h22v6H24z"/>',
  cushion:
    '<path d="M13 17c13 4 25 4 38 0-4 11-4 19 0 30-13-4-25-4-38 0 4-11 4-19 0-30z"/><path class="l" d="M22 20h4v24h-4zM38 20h4v24h-4z"/>',
  vase: '<path d="M27 22h10v4c7 3 9 7 9 12 0 8-4 16-10 16h-8c-6 0-10-8-10-16 0-5 2-9 9-12z"/><path class="l" d="M19 38h26v5H19z"/><path class="s d" d="M31 22C29 15 25 12 20 10M33 22c1-6 5-9 10-10M32 22V9"/>',
  tent: '<path d="M32 13 57 51H7z"/><path class="l" d="M32 13 7 51h11z"/><path class="d" d="m32 27 10 24H22z"/>',
  backpack:
    '<path class="s" d="M25 17v-3a7 7 0 0 1 14 0v3"/><rect x="17" y="16" width="30" height="38" rx="10"/><rect class="d" x="22" y="35" width="20" height="13" rx="3"/><rect class="l" x="23" y="23" width="18" height="4" rx="2"/>',
  bottle:
    '<rect class="d" x="27" y="8" width="10" height="8" rx="2"/><path d="M27 17h10c0 6 6 7 6 13v21a4 4 0 0 1-4 4H25a4 4 0 0 1-4-4V30c0-6 6-7 6-13z"/><path class="l" d="M21 35h22v9H21z"/>',
  lantern:
    '<path class="s" d="M24 18a8 8 0 0 1 16 0"/><rect x="21" y="18" width="22" height="6" rx="2"/><path class="l" d="M24 24h16v21H24z"/><path d="M32 28c5 6 4 13 0 13s-5-7 0-13z"/><rect x="19" y="45" width="26" height="8" rx="2"/>',
  shirt: '<path d="m23 13 9 5 9-5 14 9-5 10-6-3v23H20V29l-6 3-5-10z"/><path class="l" d="M20 36h24v4H20z"/>',
  jacket:
    '<path d="M23 12h18l9 7 5 26-7 2-5-14v20H21V33l-5 14-7-2 5-26z"/><path class="d" d="M31 12h2v41h-2z"/><path class="l" d="M24 40h5v6h-5zM35 40h5v6h-5z"/>',
  hat: '<path d="M16 40a16 20 0 0 1 32 0z"/><path class="l" d="M24 40c0-10 3-16 8-20 5 4 8 10 8 20z"/><circle cx="32" cy="16" r="5"/><rect class="d" x="13" y="38" width="38" height="11" rx="4"/>',
  socks:
    '<path d="M28 9h15v25c0 5-13 20-20 20-9 0-12-9-5-13 6-3 10-7 10-12z"/><path class="l" d="M28 13h15v6H28z"/><path class="d" d="M14 46c2 6 6 8 9 8 3 0 6-2 10-6-6-3-13-4-19-2z"/>',
  headphones:
    '<path class="s" d="M15 40v-6a17 17 0 0 1 34 0v6"/><rect x="11" y="36" width="11" height="18" rx="5"/><rect x="42" y="36" width="11" height="18" rx="5"/><path class="l" d="M18 38h4v14h-4zM42 38h4v14h-4z"/>',
  speaker:
    '<rect x="19" y="9" width="26" height="46" rx="6"/><circle class="d" cx="32" cy="39" r="10"/><circle class="l" cx="32" cy="39" r="5"/><circle class="d" cx="32" cy="20" r="5"/>',
  keyboard:
    '<rect x="7" y="20" width="50" height="26" rx="5"/><path class="l" d="M12 25h5v5h-5zm8 0h5v5h-5zm8 0h5v5h-5zm8 0h5v5h-5zm8 0h8v5h-8zM12 33h8v4h-8zm11 0h5v4h-5zm8 0h5v4h-5zm8 0h5v4h-5zm8 0h5v4h-5zM20 40h24v3H20z"/>',
  watch:
    '<path class="d" d="M25 7h14l2 13H23zM25 57h14l2-13H23z"/><circle cx="32" cy="32" r="16"/><circle class="l" cx="32" cy="32" r="11.5"/><path class="s" d="M32 25v8l5 3"/>',
  blocks:
    '<rect x="10" y="34" width="20" height="20" rx="2"/><rect class="l" x="10" y="34" width="20" height="20" rx="2"/><rect x="33" y="34" width="20" height="20" rx="2"/><rect x="22" y="12" width="20" height="20" rx="2"/><path class="d" d="m32 16 6 12H26zM43 39a5 5 0 1 1 0 10 5 5 0 0 1 0-10z"/>',
  kite: '<path d="m36 7 15 17-20 22-11-20z"/><path class="l" d="m36 7-5 39-11-20z"/><path class="s" d="M31 46c-8 1-4 8-11 10"/>',
  puzzle: '<path d="M14 20h11a7 7 0 1 1 13 0h12v12a7 7 0 1 0 0 12v10H14z"/><path class="l" d="M14 20h6v34h-6z"/>',
  train:
    '<path d="M12 30h22V14h16v30H12zM16 20h6v10h-6z"/><path class="l" d="M38 19h8v9h-8z"/><path class="d" d="M21 42a6 6 0 1 1 0 12 6 6 0 0 1 0-12zm20-2a7 7 0 1 1 0 14 7 7 0 0 1 0-14z"/>',
} as const

export type Art = keyof typeof shapes

/** Where a product stands: before a disc, in an arch, on a table. */
const scenes = [
  '<circle cx="32" cy="32" r="25"/>',
  '<path d="M11 64V32a21 21 0 0 1 42 0v32z"/>',
  '<path d="M0 47h64v17H0z"/>',
]

/** A product's picture, drawn by the server: no image files, no script, no inline style for the CSP to forbid. */
export function art(kind: string, hue: number, label = ''): SafeHtml {
  const shape = shapes[kind as Art] ?? shapes.blocks
  // the kind, the hue and the shapes are ours, the label is encoded
  return dangerouslySetHtml(
    `<svg class="art" viewBox="0 0 64 64" role="img" aria-label="${encodeAttribute(label)}">` +
      `<rect width="64" height="64" fill="hsl(${hue} 30% 94%)"/>` +
      `<g fill="hsl(${hue} 34% 87%)">${scenes[hue % scenes.length]}</g>` +
      `<ellipse cx="32" cy="56" rx="18" ry="2" fill="hsl(${hue} 26% 76%)"/>` +
      `<g class="thing" color="hsl(${hue} 34% 47%)">${shape}</g></svg>`,
  )
}
