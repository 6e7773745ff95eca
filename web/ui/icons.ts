const frame = '<path d="M5 21V5.5A1.5 1.5 0 0 1 6.5 4h11A1.5 1.5 0 0 1 19 5.5V21M2.5 21h4M17.5 21h4"/>'

/** Line icons on a 24 px grid, drawn with the colour of the text. A page carries only those it uses. */
export const icons = {
  alert: '<path d="M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.1"/>',
  back: '<path d="m15 5-7 7 7 7"/>',
  camera: '<path d="M4 8h3.5l1.5-2.5h6L16.5 8H20v11H4z"/><circle cx="12" cy="13.2" r="3.3"/>',
  cash: '<rect x="3" y="6.5" width="18" height="11" rx="1.5"/><circle cx="12" cy="12" r="2.5"/><path d="M6.5 9.5h.1M17.5 14.5h.1"/>',
  check: '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
  clock: '<circle cx="12" cy="12" r="9"/><path d="M12 7v5.2l3.3 2"/>',
  'door-do': `${frame}<path d="M9 9h6M9 12.5h6M9 16h3.5"/>`,
  'door-me': `${frame}<circle cx="12" cy="10.25" r="2.25"/><path d="M8 18c.3-2.6 1.8-4 4-4s3.7 1.4 4 4"/>`,
  'door-say': `${frame}<path d="M8.5 9h7v5.5h-3.5L10 17v-2.5H8.5z"/>`,
  'door-ticket': `${frame}<path d="M8.5 9.5h7v2a1.25 1.25 0 0 0 0 2.5v2h-7v-2a1.25 1.25 0 0 0 0-2.5z"/>`,
  'door-number': `${frame}<path d="M9 8.5h.1M12 8.5h.1M15 8.5h.1M9 12h.1M12 12h.1M15 12h.1M9 15.5h.1M12 15.5h.1M15 15.5h.1" stroke-width="2"/>`,
  'door-pay': `${frame}<path d="m9 8.5 3 4 3-4M12 12.5V18M9.5 13h5M9.5 15.5h5"/>`,
  door: frame,
  file: '<path d="M6 3.5h8l4 4v13H6zM14 3.5v4h4M9 12h6M9 15.5h6"/>',
  globe: '<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c3 3.2 3 14.8 0 18M12 3c-3 3.2-3 14.8 0 18"/>',
  help: '<circle cx="12" cy="7.5" r="3.5"/><path d="M5 20.5c.4-4.3 3-6.5 7-6.5s6.6 2.2 7 6.5"/>',
  info: '<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5M12 7.7v.1"/>',
  lock: '<rect x="5" y="10.5" width="14" height="10" rx="1.5"/><path d="M8 10.5V8a4 4 0 0 1 8 0v2.5"/>',
  next: '<path d="m9 5 7 7-7 7"/>',
  phone:
    '<path d="M6.5 3.5 9.5 4l1.5 4-2 1.6a12 12 0 0 0 5.4 5.4l1.6-2 4 1.5.5 3c0 1.5-1.2 2.7-2.7 2.5C10.5 19.3 4.7 13.5 4 6.2 3.8 4.7 5 3.5 6.5 3.5z"/>',
  print: '<path d="M7 9V4h10v5M7 17H4.5V9h15v8H17M7 14h10v6H7z"/>',
  restart: '<path d="M5 12a7 7 0 1 0 2.3-5.2L4.5 9.5M4.5 4.5v5h5"/>',
  scan: '<path d="M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 1.5 0 0 1-1.5 1.5H16M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16M4 12h16"/>',
  search: '<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>',
  text: '<path d="M3 19 8.5 6 14 19M5 14.5h7M15 19l3-7 3 7M16 17h4"/>',
  undo: '<path d="M4 9h10a5.5 5.5 0 0 1 0 11H9M8 5 4 9l4 4"/>',
  x: '<path d="m6 6 12 12M18 6 6 18"/>',
} as const

export type IconName = keyof typeof icons

/** Symbols for the icons a rendered body refers to, in one hidden sprite; empty when it uses none. */
export function spriteFor(body: string): string {
  const used = new Set<IconName>()
  for (const [, name] of body.matchAll(/href="#i-([a-z-]+)"/g)) if (name && name in icons) used.add(name as IconName)
  if (used.size === 0) return ''
  const symbols = [...used].map(name => `<symbol id="i-${name}" viewBox="0 0 24 24">${icons[name]}</symbol>`)
  return `<svg class="sprite" aria-hidden="true">${symbols.join('')}</svg>`
}
