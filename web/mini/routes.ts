import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { attemptStateOf, findMiniSignIn, findOrderByCode, orderStateOf } from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import { keepMiniPayer } from '#web/resident/routes/wechat.ts'
import { cookieName } from '#web/visit.ts'

const hidden = { schema: { hide: true } } as const
const limited = { ...hidden, config: { rateLimit: { max: 60, timeWindow: '1 minute' } } }

/** A ticket goes from the shell to the page it opens next, at once. */
const TICKET_MS_MAX = 120_000
const TICKET_CHARS_MAX = 1_000

const cellOf = (account: string): string => `web|mini_ticket|${account}`

/** The payer a ticket stands for; undefined when it is old, of another account, or not ours. */
function readTicket(pages: Pages, tenantId: number, account: string, text: string): string | undefined {
  const { vault, clock } = pages.options.kernel
  if (text.length > TICKET_CHARS_MAX) return undefined
  try {
    const opened = JSON.parse(vault.open(tenantId, cellOf(account), Buffer.from(text, 'base64url'))) as {
      openid?: unknown
      until?: unknown
    }
    return typeof opened.openid === 'string' && Number(opened.until) > clock.now().getTime() ? opened.openid : undefined
  } catch {
    return undefined
  }
}

/** The code of wx.login becomes a ticket: the openid itself stays with us, sealed. */
async function signIn(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { kernel, tenantId } = pages.options
  const account = findMiniSignIn(tenantId, 'wechat')
  const { code } = textsOf(request.body)
  void reply.header('cache-control', 'no-store')
  if (!account) return reply.status(404).send({ code: 'mini.not_set_up' })
  const payer = await account.readPayer(code ?? '')
  if (payer.kind !== 'known') {
    kernel.log.warn({ requestId: request.id, why: payer.kind === 'refused' ? payer.code : payer.why }, 'WeChat did not say who pays')
    return reply
      .status(payer.kind === 'refused' ? 400 : 503)
      .send({ code: payer.kind === 'refused' ? 'mini.code_refused' : 'mini.unknown' })
  }
  const ticket = JSON.stringify({ openid: payer.openid, until: kernel.clock.now().getTime() + TICKET_MS_MAX })
  return reply.send({ ticket: kernel.vault.seal(tenantId, cellOf(account.account), ticket).toString('base64url') })
}

/** The web view comes in. Without a good ticket the page opens all the same: it is paid by a code then. */
async function enter(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const { t: ticket = '', next, again } = textsOf(request.query)
  // The payer is kept with the browser's own cookie: a browser that is new here has it the second time.
  if (!request.cookies[cookieName(pages.options.kernel, 'browser')] && !again) {
    const query = new URLSearchParams({ t: ticket, ...(next && { next }), again: '1' })
    return reply.redirect(`/mini/enter?${query}`, 303)
  }
  const account = findMiniSignIn(visit.ctx.tenantId, 'wechat')?.account
  const openid = account && readTicket(pages, visit.ctx.tenantId, account, ticket)
  if (openid) keepMiniPayer(pages, visit, request, reply, openid)
  return reply.header('referrer-policy', 'no-referrer').redirect(pages.localPath(next, '/'), 303)
}

/** What the shell's own page needs to open the wallet, by the order's unguessable code; the parameters work for their payer alone. */
async function viewOrder(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const order = await findOrderByCode(visit.ctx, (request.params as { code: string }).code)
  void reply.header('cache-control', 'no-store')
  const attempt = order?.attempts.find(a => a.product === 'mini' && attemptStateOf(a.state) === 'pending')
  const isOurs = order?.attempts.some(a => a.product === 'mini')
  if (!order || !isOurs) return reply.status(404).send({ code: 'mini.order_not_found' })
  const state = orderStateOf(order.state)
  const params = (attempt?.launch as { jsapi?: Record<string, string> } | null)?.jsapi
  return reply.send({ state, title: order.title, amount_fen: order.amountFen, ...(state === 'open' && params && { params }) })
}

/** The server's side of the mini programme's shell (`mini/`). */
export function addMiniRoutes(server: Server, pages: Pages): void {
  server.post('/mini/session', limited, (request, reply) => signIn(pages, request, reply))
  server.get('/mini/enter', hidden, (request, reply) => enter(pages, request, reply))
  server.get('/mini/orders/:code', limited, (request, reply) => viewOrder(pages, request, reply))
}
