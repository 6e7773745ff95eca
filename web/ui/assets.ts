import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { transformSync } from '@swc/core'

export interface Asset {
  /** Bytes as sent without content coding. */
  body: Buffer
  type: string
  /** Strong entity tag with its quotes. */
  etag: string
  gzip: Buffer
}

/** Which files make up each stylesheet, in order. A surface carries only its own part. */
const sheets = {
  'resident.css': ['./tokens.css', './ui.css', '../resident/resident.css'],
  'print80.css': ['./tokens.css', './ui.css', './print.css', './print80.css'],
  'print-a4.css': ['./tokens.css', './ui.css', './print.css', './print-a4.css'],
  'staff.css': ['./tokens.css', './ui.css', '../staff/staff.css'],
  'kiosk.css': ['./tokens.css', './ui.css', './print.css', './print80.css', '../kiosk/kiosk.css'],
  'gallery.css': ['./tokens.css', './ui.css', '../resident/resident.css', '../staff/staff.css', './gallery.css'],
} as const

/** Scripts that hydrate one thing on one page; every page works without them. */
const islands = ['poll.js', 'jsapi.js', 'print.js', 'offline.js', 'window-worker.js', 'kiosk.js', 'device.js', 'kiosk-worker.js'] as const

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect fill="#1f4eb1" width="32" height="32" rx="8"/><path fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" d="M23 25V9a2 2 0 0 0-2-2H9v18M6 25h3M23 25h3"/><path fill="#fff" d="M9 7l7.5 3v17.5L9 25z"/></svg>'

export type AssetName = keyof typeof sheets | (typeof islands)[number] | 'icon.svg'

/**
 * Takes comments and blanks out of a stylesheet without parsing it.
 * A blank before a colon stays, because `.a :is(.b)` and `.a:is(.b)` differ; strings are left alone.
 */
export function minifyCss(css: string): string {
  return css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split(/("[^"]*"|'[^']*')/)
    .map((part, i) =>
      i % 2
        ? part
        : part
            .replace(/\s+/g, ' ')
            .replace(/ ?([{};,>]) ?/g, '$1')
            .replace(/: /g, ':')
            .replace(/;}/g, '}'),
    )
    .join('')
    .trim()
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

function compileIsland(name: string): string {
  const source = read(`./islands/${name.replace('.js', '.ts')}`)
  const { code } = transformSync(source, {
    jsc: { target: 'es2020', parser: { syntax: 'typescript' }, minify: { compress: true, mangle: { toplevel: true } } },
    module: { type: 'es6' },
    minify: true,
  })
  // The mark of a module says nothing at run time, and a worker of an older browser cannot read it.
  return code.replace(/export\s*\{\s*\};?\s*$/, '')
}

function build(): { files: Map<string, Asset>; names: Map<AssetName, string> } {
  const files = new Map<string, Asset>()
  const names = new Map<AssetName, string>()
  const add = (name: AssetName, text: string, type: string) => {
    const body = Buffer.from(text)
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 10)
    const path = `/assets/${name.replace('.', `.${hash}.`)}`
    files.set(path, { body, type, etag: `"${hash}"`, gzip: gzipSync(body, { level: 9 }) })
    names.set(name, path)
  }
  for (const [name, parts] of Object.entries(sheets))
    add(name as AssetName, parts.map(p => minifyCss(read(p))).join(''), 'text/css; charset=utf-8')
  for (const name of islands) add(name, compileIsland(name), 'text/javascript; charset=utf-8')
  add('icon.svg', icon, 'image/svg+xml')
  return { files, names }
}

const built = build()

/**
 * Stylesheets, scripts and the icon, read once at start.
 * `files` is keyed by the full path; names carry a hash of the content, so answers may be cached for ever.
 */
export const assets = {
  files: built.files as ReadonlyMap<string, Asset>,
  /** Path of a file under its content-hashed name. */
  href(name: AssetName): string {
    return built.names.get(name)!
  },
}
