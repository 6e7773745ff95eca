import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import type { AppError } from '#kernel/result.ts'
import {
  billingErrors,
  getProductOrder,
  listOrderable,
  listProductOrders,
  type Offer,
  type Offers,
  orderProduct,
  type ProductOrder,
  readOffer,
  undoProduct,
  viewOffers,
} from '#modules/billing/index.ts'
import { closeOrder, paymentErrors } from '#modules/payments/index.ts'
import { paths } from '#web/resident/paths.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { waysFor } from '#web/resident/routes/pay.ts'
import { billerName, maskedAccount, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { startInWallet } from '#web/resident/routes/wallet-start.ts'
import {
  agentOf,
  askWechat,
  findMiniPayer,
  findOpenid,
  forgetOpenid,
  hasSignIn,
  isInMini,
  isInWechat,
  type Pressed,
  readReturn,
} from '#web/resident/routes/wechat.ts'
import { type FieldErrorName, fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import type { Visit } from '#web/visit.ts'
import { type OffersView, offersPage, productsPage } from './list.tsx'
import { orderingPage } from './ordering.tsx'
import { productPage } from './product.tsx'
import { nameOf, wordingOf } from './wording.ts'

const hidden = { schema: { hide: true } } as const
const signInHref = (next: string): string => `${paths.signIn}?next=${encodeURIComponent(next)}`
const accountHref = (accountId: string): string => `${paths.products}/${accountId}`
const offerHref = (accountId: string, code: string): string => `${accountHref(accountId)}/${encodeURIComponent(code)}`
const paramsOf = (request: FastifyRequest) => request.params as { account: string; product: string; code: string }

/** Where the things an account may order are; undefined where nothing can be, or not by this visitor. */
export async function productsLinkOf(visit: Visit, accountId: string): Promise<string | undefined> {
  const listed = visit.resident ? await listOrderable(visit.ctx) : undefined
  return listed?.ok && listed.value.some(({ account }) => account.id === accountId) ? accountHref(accountId) : undefined
}

/** Whether a resident's first page says anything of products; in elder mode only of what was ordered. */
export async function productsOnMine(visit: Visit): Promise<'all' | 'orders' | undefined> {
  if (!visit.page.elder) return 'all'
  const listed = visit.resident ? await listProductOrders(visit.ctx) : undefined
  return listed?.ok && listed.value.length > 0 ? 'orders' : undefined
}

type Orderable = Extract<Awaited<ReturnType<typeof listOrderable>>, { ok: true }>['value'][number]

async function offersOf(visit: Visit, { account, biller }: Orderable): Promise<OffersView> {
  const { lang } = visit.ctx
  const found = await viewOffers(visit.ctx, account.id)
  return {
    service: serviceName(lang, biller),
    biller: billerName(lang, biller),
    accountMasked: maskedAccount(account.accountNo),
    againHref: accountHref(account.id),
    ...(found.ok && { offers: found.value.offers.map(({ product }) => ({ product, href: offerHref(account.id, product.code) })) }),
  }
}

const orderingRow = (visit: Visit, order: ProductOrder) => ({
  href: `${paths.orderings}/${order.code}`,
  name: nameOf(visit.ctx.lang, order.product),
  accountMasked: maskedAccount(order.accountNo),
  at: order.placedAt,
  state: order.state,
})

async function showAll(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const [orders, listed] = [await listProductOrders(visit.ctx), await listOrderable(visit.ctx)]
  if (!orders.ok || !listed.ok)
    return pages.html(reply, productsPage(visit.page, { orderings: [], accounts: [], signInHref: signInHref(paths.products) }))
  const [only, ...more] = listed.value
  return pages.html(
    reply,
    productsPage(visit.page, {
      orderings: orders.value.map(order => orderingRow(visit, order)),
      ...(only && more.length === 0
        ? { offers: await offersOf(visit, only), accounts: [] }
        : {
            accounts: listed.value.map(({ account, biller }) => ({
              href: accountHref(account.id),
              service: serviceName(visit.ctx.lang, biller),
              accountMasked: maskedAccount(account.accountNo),
              ...(account.nickname && { nickname: account.nickname }),
            })),
          }),
    }),
  )
}

async function showAccount(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  if (!visit.resident) return reply.redirect(signInHref(request.url), 303)
  const listed = await listOrderable(visit.ctx)
  const found = listed.ok && listed.value.find(({ account }) => account.id === paramsOf(request).account)
  if (!found) return pages.error(visit, reply, billingErrors.account_not_found)
  return pages.html(reply, offersPage(visit.page, await offersOf(visit, found), paths.products))
}

async function offerOf(visit: Visit, request: FastifyRequest): Promise<{ of: Offers; offer: Offer } | AppError> {
  const { account, product } = paramsOf(request)
  if (!isUuid(account)) return billingErrors.account_not_found
  const found = await viewOffers(visit.ctx, account)
  if (!found.ok) return found.error
  const offer = found.value.offers.find(one => one.product.code === product)
  return offer ? { of: found.value, offer } : billingErrors.product_not_found
}

const wordedOf = (visit: Visit, { biller, account }: Pick<Offers, 'biller' | 'account'>) => ({
  biller: billerName(visit.ctx.lang, biller),
  accountMasked: maskedAccount(account.accountNo),
})

async function showOffer(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  errors?: FieldError[],
  orderingHref?: string,
): Promise<FastifyReply> {
  if (!visit.resident) return reply.redirect(signInHref(request.url), 303)
  const found = await offerOf(visit, request)
  const { account, product } = paramsOf(request)
  // The page of the account says that the company is away, and lets one ask again.
  if ('code' in found)
    return found.code === billingErrors.product_offline.code ? reply.redirect(accountHref(account), 303) : pages.error(visit, reply, found)
  return pages.html(
    reply,
    productPage(visit.page, {
      ...wordedOf(visit, found.of),
      ...{ product: found.offer.product, quote: found.offer.quote },
      ...{ backHref: accountHref(account), action: offerHref(account, product) },
      idempotencyKey: newCode(visit.ctx.kernel.random),
      ways: waysFor(visit.ctx.tenantId, agentOf(request)),
      ...(isInWechat(request) && { isInWechat: true as const }),
      ...(orderingHref && { orderingHref }),
      ...(errors && { errors }),
    }),
    errors || orderingHref ? 422 : 200,
  )
}

const ERRORS: Readonly<Record<string, FieldErrorName>> = {
  [billingErrors.product_consent_missing.code]: 'productConsent',
  [paymentErrors.channel_not_available.code]: 'productChannel',
}

/** Consent is looked at before anything else; inside WeChat the wallet then asks who pays, and comes back here. */
async function order(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  if (!visit.resident) return reply.redirect(signInHref(request.url), 303)
  const body = textsOf(request.body)
  const say = (name: FieldErrorName) => showOffer(pages, visit, request, reply, [fieldError(visit.ctx.lang, name)])
  if (body.consent !== 'yes') return say('productConsent')
  const { account, product } = paramsOf(request)
  const pressed: Pressed = { at: offerHref(account, product), quote: body.quote ?? '', idempotencyKey: body.idempotency_key }
  const way = waysFor(visit.ctx.tenantId, agentOf(request)).find(one => one.id === body.way)
  const isMini = way?.id === 'wechat' && isInMini(request)
  const asksWho = !isMini && way?.id === 'wechat' && isInWechat(request) && body.script && hasSignIn(visit)
  const find = isMini ? findMiniPayer : asksWho ? findOpenid : undefined
  const openid = find?.(pages, visit, request, reply)
  const away = asksWho && !openid ? askWechat(pages, visit, request, reply, pressed) : undefined
  return away ?? place(pages, visit, request, reply, pressed, way?.id, openid)
}

async function goOn(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const { account, product } = paramsOf(request)
  const returned = await readReturn(pages, visit, request, reply, offerHref(account, product))
  if (returned.kind === 'pressed') return place(pages, visit, request, reply, returned.pressed, 'wechat', returned.openid)
  return reply.redirect(offerHref(account, product), 303)
}

/** The ordering, its payment where there is one, and away to the wallet. Only who ticked the box comes here. */
async function place(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  pressed: Pressed,
  channel: string | undefined,
  openid?: string,
): Promise<FastifyReply> {
  const { ctx } = visit
  const say = (name: FieldErrorName) => showOffer(pages, visit, request, reply, [fieldError(ctx.lang, name)])
  const { quote, idempotencyKey } = pressed
  const agreed = await readOffer(ctx, quote)
  if (!agreed.ok) return say('productAgain')
  const { product } = agreed.value
  if (product.price_fen > 0 && !channel) return say('wayMissing')
  const wording = wordingOf(ctx.lang, wordedOf(visit, agreed.value), product)
  const ordered = await orderProduct(ctx, { quote, wording, isGiven: true, idempotencyKey })
  if (!ordered.ok) {
    pages.refused(visit, ordered.error, `POST ${paths.products}/:account/:product`)
    const ordering = ordered.error.code === billingErrors.product_ordered.code ? ordered.error.params?.ordering : undefined
    return ordering
      ? showOffer(pages, visit, request, reply, undefined, `${paths.orderings}/${ordering}`)
      : say(ERRORS[ordered.error.code] ?? 'productAgain')
  }
  const { code, payment } = ordered.value
  if (!payment) return reply.redirect(`${paths.orderings}/${code}`, 303)
  const started = await startInWallet(visit, request, payment, channel!, openid)
  const isNotStarted =
    !started.ok && [paymentErrors.channel_not_available.code, paymentErrors.order_not_open.code].includes(started.error.code as never)
  if (isNotStarted) await closeOrder(ctx, payment.orderId, 'not_started')
  if (isNotStarted || (started.ok && started.value.state === 'failed')) {
    if (openid) forgetOpenid(pages, visit, request, reply)
    return say('productChannel')
  }
  return reply.redirect((started.ok && started.value.launch?.redirectUrl) || `/o/${payment.code}`, 303)
}

const MOVING = new Set(['telling', 'working'])
const REFRESH_S = 20

async function showOrdering(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  if (!visit.resident) return reply.redirect(signInHref(request.url), 303)
  const found = await getProductOrder(visit.ctx, paramsOf(request).code)
  if (!found.ok) return pages.error(visit, reply, found.error)
  const { value: o } = found
  return pages.html(
    reply,
    orderingPage(visit.page, {
      ...orderingRow(visit, o),
      biller: billerName(visit.ctx.lang, o.biller),
      isFree: o.amountFen === 0,
      ...{ wording: o.wording, wordingLang: o.lang },
      offerHref: offerHref(o.accountId, o.productCode),
      ...(o.failure && { failure: o.failure }),
      ...(o.paymentCode && { paymentHref: `/o/${o.paymentCode}` }),
      ...(o.undoUntil && { undo: { action: `${paths.orderings}/${o.code}/undo`, until: o.undoUntil } }),
      ...(MOVING.has(o.state) && { refreshS: REFRESH_S }),
    }),
  )
}

/** What billers offer to order, ordering it, and how that stands. */
export function addProductRoutes(server: Server, pages: Pages): void {
  server.get(paths.products, hidden, (request, reply) => showAll(pages, request, reply))
  server.get(`${paths.products}/:account`, hidden, (request, reply) => showAccount(pages, request, reply))
  const one = `${paths.products}/:account/:product`
  server.get(one, hidden, async (request, reply) => showOffer(pages, await pages.visit(request, reply), request, reply))
  pages.form(server, one, { per_minute: 20 }, (request, reply) => order(pages, request, reply))
  server.get(`${one}/wechat`, hidden, (request, reply) => goOn(pages, request, reply))
  server.get(`${paths.orderings}/:code`, hidden, (request, reply) => showOrdering(pages, request, reply))
  pages.form(server, `${paths.orderings}/:code/undo`, {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { code } = paramsOf(request)
    const undone = await undoProduct(visit.ctx, code)
    if (undone.ok || undone.error.code === billingErrors.undo_too_late.code) return reply.redirect(`${paths.orderings}/${code}`, 303)
    pages.refused(visit, undone.error, `POST ${paths.orderings}/:code/undo`)
    return pages.error(visit, reply, undone.error)
  })
}
