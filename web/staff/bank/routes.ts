import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { addDays } from '#kernel/time.ts'
import { listBillers, listOwed, runRemits } from '#modules/billing/index.ts'
import {
  type BankView,
  feeFenOf,
  netOf,
  partyOf,
  paymentErrors,
  runPayouts,
  StatementRefused,
  takeBankFile,
  todayOf,
  viewBank,
} from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { Upload } from '#web/upload.ts'
import { partyName } from '../checks/party.ts'
import { type Desk, isDesk, openDesk } from '../desk.ts'
import { staffPaths } from '../paths.ts'
import { refusedText } from '../routes-reconciliation.ts'
import { addDeskUpload } from '../upload.ts'
import { bankPage, type PayoutView } from './page.tsx'

/** Days shown. */
const DAYS = 31
const BANK_BYTES_MAX = 8 * 2 ** 20

function payoutOf(lang: Lang, d: BankView['days'][number]): PayoutView {
  const say = t(lang)
  return {
    ...{ day: d.day, channel: partyName(lang, d.channel, []), grossFen: d.grossFen, discountFen: d.discountFen },
    ...{ feeFen: d.feeFen ?? feeFenOf(d.feeE5), netFen: netOf(d), roundingFen: d.roundingFen ?? 0 },
    state: d.isChanged
      ? { text: say('bank.changed'), tone: 'bad' }
      : d.bookedAt
        ? { text: say('bank.arrived'), tone: 'ok' }
        : { text: say('bank.waiting'), tone: 'warn' },
  }
}

/** A batch of debits as the bank pays it over: it takes no fee off. */
function debitOf(lang: Lang, d: BankView['debits'][number]): PayoutView {
  const say = t(lang)
  const sum = d.owedFen + d.paidFen
  return {
    ...{
      day: d.day,
      channel: say('bank.debits', { batch: d.batch.slice(d.batch.indexOf(':') + 1) }),
      grossFen: sum,
      feeFen: 0,
      netFen: sum,
    },
    discountFen: 0,
    roundingFen: 0,
    state: d.owedFen === 0 ? { text: say('bank.arrived'), tone: 'ok' } : { text: say('bank.waiting'), tone: 'warn' },
  }
}

/** The account channels pay into and billers are paid from: what moved, what is owed, and the bank's papers brought in. */
export function addBankRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const { kernel, tenantId } = pages.options

  async function show(desk: Desk, reply: FastifyReply, extra: { notice?: string | undefined; errors?: FieldError[] } = {}) {
    const { ctx } = desk
    const to = todayOf(ctx)
    const seen = await viewBank(ctx, addDays(to, -DAYS), to)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.bank}`)
    const owed = await listOwed(ctx)
    const billers = await listBillers(ctx)
    const notice = (['taken', 'unchanged'] as const).find(known => known === extra.notice)
    const { accounts, days, debits, cash, files } = seen.value
    return pages.html(
      reply,
      bankPage(desk.page, {
        hasAccount: accounts.length > 0,
        isOwn: accounts.some(account => account.heldBy === 'own'),
        payouts: [...days.map(d => payoutOf(ctx.lang, d)), ...debits.map(d => debitOf(ctx.lang, d))].sort((a, b) =>
          b.day.localeCompare(a.day),
        ),
        owed: (owed.ok ? owed.value : []).map(o => ({ ...o, biller: partyName(ctx.lang, partyOf(o.billerId), billers) })),
        ...{ cash, files },
        ...(notice && { notice }),
        ...(permit(ctx, 'payments.reconcile.decide').ok && {
          upload: { action: staffPaths.bank, ...(extra.errors && { errors: extra.errors }) },
        }),
      }),
      extra.errors ? 422 : 200,
    )
  }

  server.get(staffPaths.bank, { schema: { hide: true } } as const, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, { notice: textsOf(request.query).notice }) : desk
  })

  async function takeUpload(request: FastifyRequest, reply: FastifyReply, { file }: Upload): Promise<FastifyReply> {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.bank}`
    const may = permit(ctx, 'payments.reconcile.decide')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const again = (text: string) => show(desk, reply, { errors: [{ field: 'file', text }] })
    if (!file?.bytes.length) return again(t(ctx.lang)('staff.error_file'))
    try {
      const done = await takeBankFile(ctx, file)
      if (!done.ok) return again(t(ctx.lang)('bank.error_unknown', { bank: String(done.error.params?.bank ?? '') }))
      // What the timers would do within a minute, before somebody looks.
      await runPayouts(kernel, tenantId)
      await runRemits(kernel, tenantId)
      return reply.redirect(`${staffPaths.bank}?notice=${done.value.outcome}`, 303)
    } catch (error) {
      if (!(error instanceof StatementRefused)) throw error
      pages.refused({ ...desk.visit, ctx }, { ...paymentErrors.bank_file_refused }, `${place} ${error.code}:${error.line}`)
      return again(refusedText(ctx.lang, error).text)
    }
  }
  addDeskUpload(server, pages, {
    path: staffPaths.bank,
    bytesMax: BANK_BYTES_MAX,
    perMinute: 10,
    refused: paymentErrors.bank_file_refused,
    answer: takeUpload,
    again: (desk, reply, errors) => show(desk, reply, { errors }),
  })
}
