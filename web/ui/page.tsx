import { type ComponentChildren, createContext, type VNode } from 'preact'
import { useContext } from 'preact/hooks'
import { renderToString } from 'preact-render-to-string'
import { type AssetName, assets } from './assets.ts'
import type { Lang } from './format.ts'
import { spriteFor } from './icons.ts'
import { type Translate, t } from './messages.ts'

export type ElderSize = 'large' | 'elder' | 'max'

/** What every page needs to know about the visit. Nothing in it is personal but the display name, which comes masked. */
export interface PageContext {
  lang: Lang
  /** Size of text and targets; undefined is the standard size. */
  elder: ElderSize | undefined
  /** Path and query of this page, where the size and language switches come back to. */
  path: string
  tenantName: string
  csrf: string
  signedIn?: { name: string }
  /** Telephone of the hall, as printed: `8866 1200`. */
  phone: string
  /** Nonce of the content security policy; may be empty when scripts are allowed by origin. */
  nonce: string
}

export interface PageOptions {
  /** Heading of the page; the name of the product is added. */
  title: string
  /** A form came back with errors: `错误：` stands before the title. */
  hasError?: boolean
  surface?: 'desk' | 'kiosk'
  sheet?: AssetName
  scripts?: readonly AssetName[]
  /** Without script the page asks again after so many seconds. */
  refreshS?: number
}

interface Page {
  ctx: PageContext
  t: Translate
}

const Current = createContext<Page | undefined>(undefined)

/** The visit and its language, inside any component. */
export function usePage(): Page {
  const page = useContext(Current)
  if (!page) throw new Error('component rendered outside renderPage')
  return page
}

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`)

/** Whole HTML document of a page. No inline script or style, so `default-src 'self'` is enough. */
export function renderPage(ctx: PageContext, page: VNode | ComponentChildren, options: PageOptions): string {
  const translate = t(ctx.lang)
  const body = renderToString(<Current.Provider value={{ ctx, t: translate }}>{page}</Current.Provider>)
  const title = `${options.hasError ? translate('error.prefix') : ''}${options.title} · ${translate('brand')}`
  const nonce = ctx.nonce ? ` nonce="${escapeHtml(ctx.nonce)}"` : ''
  const scripts = (options.scripts ?? []).map(name => `<script type="module" src="${assets.href(name)}"${nonce}></script>`)
  const refresh = options.refreshS ? `<noscript><meta http-equiv="refresh" content="${options.refreshS}"></noscript>` : ''
  const attributes = `lang="${ctx.lang}"${ctx.elder ? ` data-elder="${ctx.elder}"` : ''}${options.surface ? ` data-surface="${options.surface}"` : ''}`
  const head = [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">',
    '<meta name="theme-color" content="#f5f6f9"><meta name="format-detection" content="telephone=no">',
    `<title>${escapeHtml(title)}</title><link rel="stylesheet" href="${assets.href(options.sheet ?? 'resident.css')}">`,
    `<link rel="icon" href="${assets.href('icon.svg')}" type="image/svg+xml">${refresh}`,
  ]
  return `<!doctype html><html ${attributes}><head>${head.join('')}</head><body>${spriteFor(body)}${body}${scripts.join('')}</body></html>`
}
