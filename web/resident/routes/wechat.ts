import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { publicUrl } from '#kernel/config.ts'
import { newCode } from '#kernel/id.ts'
import { type CreateInput, findMiniSignIn, findPayerSignIn, type PayerSignIn } from '#modules/payments/index.ts'
import { cookieName, cookieOptions, isHttps, type Visit } from '#web/visit.ts'
import type { Pages } from './pages.ts'
import { textsOf } from './views.ts'

/** What a person pressed on, kept while WeChat says who they are. */
export interface Pressed {
  /** The page it was pressed on: where the browser comes back to, with `/wechat` after it. */
  readonly at: string
  readonly quote: string
  readonly idempotencyKey: string | undefined
}

const RETURN_S_MAX = 600
const PAYER_S_MAX = 30 * 86_400

export const agentOf = (request: FastifyRequest): string => String(request.headers['user-agent'] ?? '')
/** Inside the web view of a mini programme. */
export const isInMini = (request: FastifyRequest): boolean => isInWechat(request) && /miniProgram/i.test(agentOf(request))
export const isInWechat = (request: FastifyRequest): boolean => /MicroMessenger/i.test(agentOf(request))

/** Which product of a channel fits the browser at hand; inside WeChat only a known payer can be sent to the wallet. */
export function productFor(channel: string, userAgent: string, openid?: string): CreateInput['product'] {
  const isPhone = /Mobile|Android|iPhone/i.test(userAgent)
  if (channel === 'alipay') return isPhone ? 'wap' : 'precreate'
  // A page shown by a mini programme has no wallet of its own: the shell opens it.
  if (/miniProgram/i.test(userAgent)) return openid ? 'mini' : 'native'
  // H5 is refused inside WeChat.
  if (/MicroMessenger/i.test(userAgent)) return openid ? 'jsapi' : 'native'
  return isPhone ? 'h5' : 'native'
}

type Name = 'wechat_return' | 'wechat_payer' | 'mini_payer'

/**
 * Values this browser keeps for us and can neither read nor change: sealed to the tenant, the browser's own cookie and
 * the channel's account, so that they are worth nothing in another browser.
 */
function keeper(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply, account: string) {
  const { kernel, tenantId } = visit.ctx
  const nameOf = (name: Name) => `${isHttps(kernel) ? '__Host-' : ''}yimen_${name}`
  const browser = request.cookies[cookieName(kernel, 'browser')]
  const cell = (name: Name) => `web|${name}|${account}|${browser}`
  return {
    put(name: Name, value: object, age_s: number) {
      if (!browser) return
      const text = JSON.stringify({ ...value, until: kernel.clock.now().getTime() + age_s * 1000 })
      const sealed = kernel.vault.seal(tenantId, cell(name), text).toString('base64url')
      void reply.setCookie(nameOf(name), sealed, cookieOptions(kernel, age_s))
    },
    take(name: Name): Record<string, unknown> | undefined {
      const sealed = request.cookies[nameOf(name)]
      if (!sealed || !browser) return undefined
      try {
        const value = JSON.parse(kernel.vault.open(tenantId, cell(name), Buffer.from(sealed, 'base64url'))) as Record<string, unknown>
        return Number(value.until) > kernel.clock.now().getTime() ? value : undefined
      } catch {
        return undefined
      }
    },
    drop: (name: Name) => void reply.clearCookie(nameOf(name), cookieOptions(pages.options.kernel, 0)),
  }
}

const signInOf = (visit: Visit): PayerSignIn | undefined => findPayerSignIn(visit.ctx.tenantId, 'wechat')
export const hasSignIn = (visit: Visit): boolean => signInOf(visit) !== undefined

/** The payer this browser brought back from WeChat before. */
export function findOpenid(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply): string | undefined {
  const account = signInOf(visit)?.account
  const openid = account && keeper(pages, visit, request, reply, account).take('wechat_payer')?.openid
  return typeof openid === 'string' ? openid : undefined
}

/** The payer the shell of the mini programme brought when it opened the page. */
export function findMiniPayer(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply): string | undefined {
  const account = findMiniSignIn(visit.ctx.tenantId, 'wechat')?.account
  const openid = account && keeper(pages, visit, request, reply, account).take('mini_payer')?.openid
  return typeof openid === 'string' ? openid : undefined
}

export function keepMiniPayer(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply, openid: string): void {
  const account = findMiniSignIn(visit.ctx.tenantId, 'wechat')?.account
  if (account) keeper(pages, visit, request, reply, account).put('mini_payer', { openid }, PAYER_S_MAX)
}

export function forgetOpenid(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply): void {
  keeper(pages, visit, request, reply, '').drop(isInMini(request) ? 'mini_payer' : 'wechat_payer')
}

/** Sends the browser to WeChat to say who pays; undefined when the merchant has no such sign-in. Nothing is placed yet. */
export function askWechat(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  pressed: Pressed,
): FastifyReply | undefined {
  const signIn = signInOf(visit)
  if (!signIn || !request.cookies[cookieName(visit.ctx.kernel, 'browser')]) return undefined
  const kept = keeper(pages, visit, request, reply, signIn.account)
  const before = kept.take('wechat_return')
  // A second press while the first is on its way goes the same way: whichever comes back is answered.
  const state = before?.at === pressed.at && typeof before.state === 'string' ? before.state : newCode(visit.ctx.kernel.random)
  kept.put('wechat_return', { state, ...pressed }, RETURN_S_MAX)
  const back = `${publicUrl(visit.ctx.kernel.config)}${pressed.at}/wechat`
  return reply.redirect(signIn.addressOf(back, state), 303)
}

export type Returned =
  | { readonly kind: 'stale' }
  | { readonly kind: 'pressed'; readonly pressed: Pressed; readonly openid: string | undefined }

const same = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())

/**
 * The browser comes back. The state must be the one this browser left with, for this page, not long ago, and counts once;
 * what was pressed is read from the browser's sealed note, never from the address. WeChat refusing or being away leaves
 * the openid out: the payment goes on with a code.
 */
export async function readReturn(pages: Pages, visit: Visit, request: FastifyRequest, reply: FastifyReply, at: string): Promise<Returned> {
  const signIn = signInOf(visit)
  if (!signIn) return { kind: 'stale' }
  const kept = keeper(pages, visit, request, reply, signIn.account)
  const note = kept.take('wechat_return')
  const { state, code } = textsOf(request.query)
  if (!note || typeof note.state !== 'string' || typeof note.quote !== 'string' || note.at !== at || !state || !same(state, note.state))
    return { kind: 'stale' }
  kept.drop('wechat_return')
  const pressed = {
    at,
    quote: note.quote,
    idempotencyKey: typeof note.idempotencyKey === 'string' ? note.idempotencyKey : undefined,
  }
  const payer = code ? await signIn.readPayer(code) : undefined
  if (payer?.kind !== 'known') {
    visit.ctx.kernel.log.warn(
      { requestId: visit.ctx.requestId, why: payer ? (payer.kind === 'refused' ? payer.code : payer.why) : 'no code' },
      'WeChat did not say who pays',
    )
    return { kind: 'pressed', pressed, openid: undefined }
  }
  kept.put('wechat_payer', { openid: payer.openid }, PAYER_S_MAX)
  return { kind: 'pressed', pressed, openid: payer.openid }
}
