import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { newCode } from '#kernel/id.ts'
import { parseYuan } from '#kernel/money.ts'
import { billingErrors, TOP_UP_FEN_MIN, TOP_UPS_FEN, topUp, viewPrepaid } from '#modules/billing/index.ts'
import { closeOrder, paymentErrors } from '#modules/payments/index.ts'
import { paths } from '#web/resident/paths.ts'
import { listKept } from '#web/resident/routes/accounts.ts'
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
import { yuan } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { Visit } from '#web/visit.ts'
import { prepaidHref, prepaidPage } from './page.tsx'

const hidden = { schema: { hide: true } } as const
const accountOf = (request: FastifyRequest): string => (request.params as { account: string }).account

/** Where money is paid in advance for an account; undefined where its biller takes none and none is held. */
export async function prepaidLinkOf(visit: Visit, accountId: string): Promise<string | undefined> {
  const seen = await viewPrepaid(visit.ctx, accountId)
  return seen.ok && (seen.value.topUpMaxFen > 0 || seen.value.balanceFen > 0) ? prepaidHref(accountId) : undefined
}

async function show(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  extra: { values?: Record<string, string>; errors?: FieldError[] } = {},
): Promise<FastifyReply> {
  const { ctx } = visit
  const accountId = accountOf(request)
  // Who keeps an account sees what is held for it, family members too.
  const kept = (await listKept(visit)).find(k => k.id === accountId)
  const seen = kept && (await viewPrepaid(ctx, accountId))
  if (!seen?.ok) return pages.error(visit, reply, billingErrors.account_not_found)
  const { account, biller, balanceFen, topUpMaxFen, moves } = seen.value
  return pages.html(
    reply,
    prepaidPage(visit.page, {
      service: serviceName(ctx.lang, biller),
      biller: billerName(ctx.lang, biller),
      accountMasked: maskedAccount(account.accountNo),
      balanceFen,
      moves: moves.map(m => ({ href: `/o/${m.code}`, title: m.title, at: m.at, amountFen: m.amountFen, backFen: m.backFen })),
      backHref: `${paths.households}/${accountId}`,
      ...(topUpMaxFen >= TOP_UP_FEN_MIN && {
        form: {
          action: prepaidHref(accountId),
          idempotencyKey: newCode(ctx.kernel.random),
          amounts: TOP_UPS_FEN.filter(fen => fen <= topUpMaxFen),
          ...{ minFen: TOP_UP_FEN_MIN, maxFen: topUpMaxFen },
          ways: waysFor(ctx.tenantId, agentOf(request)),
          ...extra,
          ...(isInWechat(request) && { isInWechat: true as const }),
        },
      }),
    }),
    extra.errors ? 422 : 200,
  )
}

/** The amount somebody chose or typed; what was typed counts. */
function amountOf(values: Readonly<Record<string, string>>): number | undefined {
  if (values.other?.trim()) {
    const typed = parseYuan(values.other)
    return typed.ok ? typed.value : undefined
  }
  return /^\d{1,9}$/.test(values.amount ?? '') ? Number(values.amount) : undefined
}

async function pay(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const values = textsOf(request.body)
  const way = waysFor(visit.ctx.tenantId, agentOf(request)).find(one => one.id === values.way)
  const refuse = (field: string, text: string) => show(pages, visit, request, reply, { values, errors: [{ field, text }] })
  if (!way) return refuse('way', t(visit.ctx.lang)('bill.error_way'))
  const pressed: Pressed = {
    at: prepaidHref(accountOf(request)),
    quote: String(amountOf(values) ?? ''),
    idempotencyKey: values.idempotency_key,
  }
  const isMini = way.id === 'wechat' && isInMini(request)
  const asksWho = !isMini && way.id === 'wechat' && isInWechat(request) && values.script && hasSignIn(visit)
  const find = isMini ? findMiniPayer : asksWho ? findOpenid : undefined
  const openid = find?.(pages, visit, request, reply)
  const away = asksWho && !openid ? askWechat(pages, visit, request, reply, pressed) : undefined
  return away ?? place(pages, visit, request, reply, pressed, way.id, { values, openid })
}

/** The order, and away to the wallet. The amount is the payer's choice; what may be held is looked at again here. */
async function place(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  pressed: Pressed,
  channel: string,
  { values, openid }: { values: Record<string, string>; openid?: string | undefined },
): Promise<FastifyReply> {
  const { ctx } = visit
  const say = t(ctx.lang)
  const accountId = accountOf(request)
  const refuse = (text: string) => show(pages, visit, request, reply, { values, errors: [{ field: 'amount', text }] })
  if (!(await listKept(visit)).some(kept => kept.id === accountId)) return pages.error(visit, reply, billingErrors.account_not_found)
  const amountFen = Number(pressed.quote || Number.NaN)
  const placed = await topUp(ctx, { accountId, amountFen, payer: visit.payer, place: 'phone', idempotencyKey: pressed.idempotencyKey })
  if (!placed.ok) {
    pages.refused(visit, placed.error, `POST ${paths.prepaid}/:account`)
    const { code, params } = placed.error
    if (code === billingErrors.feature_off.code) return refuse(`${say('prepaid.off')}${say('list.comma')}${say('prepaid.off_text')}`)
    if (code === billingErrors.prepay_out_of_range.code)
      return refuse(say('prepaid.error_amount', { min: yuan(Number(params?.min)), max: yuan(Number(params?.max)) }))
    return refuse(say('prepaid.error_again'))
  }
  const started = await startInWallet(visit, request, placed.value, channel, openid)
  const isNotStarted =
    !started.ok && [paymentErrors.channel_not_available.code, paymentErrors.order_not_open.code].includes(started.error.code as never)
  if (isNotStarted) await closeOrder(ctx, placed.value.orderId, 'not_started')
  if (isNotStarted || (started.ok && started.value.state === 'failed')) {
    if (openid) forgetOpenid(pages, visit, request, reply)
    return refuse(say('bill.error_channel'))
  }
  return reply.redirect((started.ok && started.value.launch?.redirectUrl) || `/o/${placed.value.code}`, 303)
}

/** Money held in advance: seeing it, paying in, and back from WeChat with who pays. */
export function addPrepaidRoutes(server: Server, pages: Pages): void {
  const path = `${paths.prepaid}/:account`
  server.get(path, hidden, async (request, reply) => show(pages, await pages.visit(request, reply), request, reply))
  pages.form(server, path, { per_minute: 20 }, (request, reply) => pay(pages, request, reply))
  server.get(`${path}/wechat`, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const returned = await readReturn(pages, visit, request, reply, prepaidHref(accountOf(request)))
    if (returned.kind !== 'pressed') return reply.redirect(prepaidHref(accountOf(request)), 303)
    return place(pages, visit, request, reply, returned.pressed, 'wechat', { values: {}, openid: returned.openid })
  })
}
