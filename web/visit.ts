import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { publicUrl } from '#kernel/config.ts'
import { type Ctx, type Kernel, type Lang, makeId } from '#kernel/context.ts'
import { newCode } from '#kernel/id.ts'
import { defineErrors } from '#kernel/result.ts'
import type { ElderSize, PageContext } from './ui/page.tsx'

export const visitErrors = defineErrors('visit', { cross_site: 403, return_stale: 409 })

/** Who comes to a page: a browser, and a resident once signed in. */
export interface Visit {
  readonly ctx: Ctx
  readonly page: PageContext
  /** Whose a payment made now is: the resident's, or this browser's as long as nobody signed in. */
  readonly payer: string
  /** All whose payments the visitor may see and take back: `payer` first, then what was paid from this browser before signing in. */
  readonly payers: readonly string[]
  readonly resident?: { readonly id: string; readonly nameMasked: string }
}

export interface VisitOptions {
  readonly kernel: Kernel
  readonly tenantId: number
  readonly tenantName: Readonly<Record<Lang, string>>
  readonly phone: string
  readonly hall: (lang: Lang, now: Date) => { name: string; hours: string; address: string; isOpen: boolean }
  /** The resident a session cookie belongs to. */
  readonly findResident: (token: string) => Promise<{ id: string; nameMasked: string; provedAt: Date } | undefined>
}

const YEAR_S = 365 * 86_400
const ELDER = new Set<string>(['large', 'elder', 'max'])

export const isHttps = (kernel: Kernel): boolean => publicUrl(kernel.config).startsWith('https:')
/** The prefix makes browsers refuse the cookie from any other host; it needs https. */
export const cookieName = (kernel: Kernel, name: 'browser' | 'session' | 'staff' | 'device' | 'device_pass' | 'kiosk'): string =>
  `${isHttps(kernel) ? '__Host-' : ''}yimen_${name}`

export const cookieOptions = (kernel: Kernel, maxAgeS: number) => ({
  path: '/',
  httpOnly: true,
  sameSite: 'lax' as const,
  secure: isHttps(kernel),
  maxAge: maxAgeS,
})

const csrfOf = (kernel: Kernel, browser: string): string =>
  createHmac('sha256', kernel.vault.digest('web.csrf', browser)).update('form').digest('base64url').slice(0, 32)

const langOf = (request: FastifyRequest): Lang => {
  const chosen = request.cookies.yimen_lang
  if (chosen === 'en' || chosen === 'zh-CN') return chosen
  const accepted = request.headers['accept-language'] ?? ''
  return /^en\b/i.test(accepted) ? 'en' : 'zh-CN'
}

export async function openVisit(options: VisitOptions, request: FastifyRequest, reply: FastifyReply): Promise<Visit> {
  const { kernel } = options
  const name = cookieName(kernel, 'browser')
  let browser = request.cookies[name]
  if (!browser || !/^[0-9a-z]{26}$/.test(browser)) {
    browser = newCode(kernel.random)
    void reply.setCookie(name, browser, cookieOptions(kernel, YEAR_S))
  }
  const session = request.cookies[cookieName(kernel, 'session')]
  const resident = session ? await options.findResident(session) : undefined
  const payers = [
    ...(resident ? [`resident:${resident.id}`] : []),
    `browser:${kernel.vault.digest('web.browser', browser).toString('hex').slice(0, 32)}`,
  ]
  const lang = langOf(request)
  const elder = request.cookies.yimen_elder
  return {
    ctx: {
      kernel,
      tenantId: options.tenantId,
      actor: resident
        ? { kind: 'resident', id: resident.id, permissions: new Set(), provedAt: resident.provedAt }
        : { kind: 'anonymous', id: kernel.vault.digest('web.browser', browser).toString('hex').slice(0, 16), permissions: new Set() },
      requestId: request.id ?? makeId({ kernel }),
      lang,
    },
    page: {
      lang,
      elder: elder && ELDER.has(elder) ? (elder as ElderSize) : undefined,
      path: request.url,
      tenantName: options.tenantName[lang],
      csrf: csrfOf(kernel, browser),
      ...(resident && { signedIn: { name: resident.nameMasked } }),
      phone: options.phone,
      nonce: '',
    },
    payer: payers[0]!,
    payers,
    ...(resident && { resident }),
  }
}

/** A form must come from our own page: same origin where the browser says so, and the token of this browser always. */
export function isOwnForm(kernel: Kernel, request: FastifyRequest): boolean {
  const { origin, host } = request.headers
  if (origin !== undefined && origin !== 'null' && (!URL.canParse(origin) || new URL(origin).host !== host)) return false
  const browser = request.cookies[cookieName(kernel, 'browser')]
  const given = (request.body as { csrf?: unknown } | undefined)?.csrf
  if (!browser || typeof given !== 'string') return false
  const [a, b] = [Buffer.from(given), Buffer.from(csrfOf(kernel, browser))]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Only a path of our own may be returned to. */
export const localPath = (text: unknown, otherwise = '/'): string =>
  typeof text === 'string' && /^\/(?![/\\])[^\s\\]{0,300}$/.test(text) ? text : otherwise
