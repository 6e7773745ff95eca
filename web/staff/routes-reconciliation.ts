import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Ctx, type Lang, permit } from '#kernel/context.ts'
import { csvOf } from '#kernel/csv.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid } from '#kernel/id.ts'
import type { Result } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { type Checked, checkLayoutOf, compareCheckFile, listBillers, listCheckFiles, readCheckFile } from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import {
  type Break,
  type Brought,
  billerOf,
  bringCardStatement,
  bringStatement,
  CARD,
  decideBreak,
  findBreak,
  findOrderById,
  findOrderOfAttempt,
  lastReadyDay,
  listChannels,
  needsTwo,
  partyOf,
  paymentErrors,
  type Reconciliation,
  readStatementFile,
  reasonsFor,
  StatementRefused,
  viewReconciliation,
} from '#modules/payments/index.ts'
import { timeline } from '#modules/trail/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, channelName, textsOf } from '#web/resident/routes/views.ts'
import { dateTime } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { hasMessage, type MessageKey, t } from '#web/ui/messages.ts'
import type { Upload } from '#web/upload.ts'
import { type Billers, partyName } from './checks/party.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { staffPaths } from './paths.ts'
import {
  breakPage,
  type DayView,
  RECONCILIATION_NOTICES,
  type ReconciliationNotice,
  reconciliationPage,
  type UploadFormView,
} from './reconciliation.tsx'
import { waitOf } from './routes-rescues.ts'
import { addDeskUpload } from './upload.ts'
import { actorName, detailOf, eventName } from './words.ts'

/** Characters of a channel's number by which people tell payments apart. */
const TAIL = 6
/** Days shown. */
const DAYS = 31
/** A sub-district's day is some thousands of rows; this is a quarter of a million. */
const STATEMENT_BYTES_MAX = 64 * 2 ** 20
const SEVERITY_TONES = { 1: 'bad', 2: 'warn', 3: undefined } as const

const severityOf = (lang: Lang, severity: Break['severity']) => {
  const tone = SEVERITY_TONES[severity]
  return { text: t(lang)(`staff.break_severity_${severity}`), ...(tone && { tone }) }
}
const moneyOf = (b: Break): number => Math.max(b.statedFen ?? 0, b.bookedFen ?? 0)
const breakHref = (id: string): string => `/staff/breaks/${id}`

/** The days of the span, newest first: compared ones, and those that still wait for their statement. */
function daysOf(lang: Lang, view: Reconciliation, files: readonly CheckFile[], billers: Billers): DayView[] {
  const say = t(lang)
  const stateOf = (s: { readonly channel: string; readonly mchid: string; readonly day: string }): DayView['state'] => {
    const counts = view.counts.filter(c => c.channel === s.channel && c.mchid === s.mchid && c.day === s.day)
    const open = counts.reduce((sum, c) => sum + c.open, 0)
    const grave = counts.reduce((sum, c) => sum + c.grave, 0)
    if (grave) return { text: say('staff.recon_grave', { n: grave }), tone: 'bad' }
    return open ? { text: say('staff.recon_open', { n: open }), tone: 'warn' } : { text: say('staff.recon_equal'), tone: 'ok' }
  }
  const compared = view.statements.map((s): DayView => {
    const { day, rows, paidFen, refundedFen, feeE5 } = s
    return {
      ...{ day, rows, paidFen, refundedFen, feeE5, channel: channelName(lang, s.channel), state: stateOf(s) },
      ...(s.name && { fileHref: `/staff/statements/${s.id}` }),
    }
  })
  const checked = files.map((f): DayView => {
    const channel = partyOf(f.billerId)
    return {
      ...{ day: f.day, rows: f.rows, paidFen: f.sumFen, channel: partyName(lang, channel, billers) },
      state: stateOf({ channel, mchid: '', day: f.day }),
      fileHref: `/staff/check-files/${f.id}`,
    }
  })
  const waiting = view.waits.map((w): DayView => {
    const key = `staff.wait_${w.code}`
    return {
      ...{ day: w.day, rows: 0, paidFen: 0 },
      channel: partyName(lang, w.channel, billers),
      state: { text: say('staff.recon_waiting'), tone: 'warn' },
      why: say(hasMessage(key) ? key : 'staff.wait_refused', { at: dateTime(lang, w.dueAt) }),
    }
  })
  return [...waiting, ...compared, ...checked].sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0))
}

/** Why a statement was refused, at its field. */
export function refusedText(lang: Lang, error: StatementRefused): FieldError {
  const key = `staff.refused_${error.code}`
  const text = t(lang)(hasMessage(key) ? key : 'staff.refused_other', { line: error.line })
  return { field: 'file', text }
}

type CheckFile = Extract<Awaited<ReturnType<typeof listCheckFiles>>, { ok: true }>['value'][number]

const DAY_FORM = /^(\d{4})-(\d\d)-(\d\d)$/
/** '2026-11-20', also with full-width digits, slashes, dots or 8 digits; undefined when there is no such day. */
export function readDay(typed: string): string | undefined {
  const text = typed
    .slice(0, 20)
    .normalize('NFKC')
    .trim()
    .replace(/[/.年月]/g, '-')
    .replace('日', '')
  const plain = /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text
  const [, year, month, date] = DAY_FORM.exec(plain.replace(/-(\d)(?=-|$)/g, '-0$1')) ?? []
  const day = `${year}-${month}-${date}`
  const at = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === day ? day : undefined
}

export function addReconciliationRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const { kernel } = pages.options
  const hidden = { schema: { hide: true } } as const

  async function show(desk: Desk, reply: FastifyReply, extra: { notice?: string | undefined; form?: Partial<UploadFormView> } = {}) {
    const { ctx } = desk
    const to = dayOf(kernel.clock.now())
    const seen = await viewReconciliation(ctx, addDays(to, -DAYS), to)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.reconciliation}`)
    const files = await listCheckFiles(ctx, addDays(to, -DAYS), to)
    const billers = await listBillers(ctx)
    const now = kernel.clock.now()
    const notice = RECONCILIATION_NOTICES.find(known => known === extra.notice)
    const mayUpload = permit(ctx, 'payments.reconcile.decide').ok
    const values = extra.form?.values ?? { day: lastReadyDay(now) }
    return pages.html(
      reply,
      reconciliationPage(desk.page, {
        days: daysOf(ctx.lang, seen.value, files.ok ? files.value : [], billers),
        breaks: seen.value.open.map(b => ({
          href: breakHref(b.id),
          what: t(ctx.lang)('staff.break_tail', { what: t(ctx.lang)(`staff.break_${b.class}`), tail: b.ref.slice(-TAIL) }),
          severity: severityOf(ctx.lang, b.severity),
          channel: partyName(ctx.lang, b.channel, billers),
          day: b.day,
          waits: waitOf(ctx.lang, b.openedAt, now),
          amountFen: moneyOf(b),
          isProposed: b.proposedBy !== null,
        })),
        openFen: seen.value.open.reduce((sum, b) => sum + moneyOf(b), 0),
        exportHref: `${staffPaths.reconciliation}/breaks.csv`,
        ...(notice && { notice }),
        ...(mayUpload && {
          upload: {
            action: staffPaths.statements,
            channels: [
              ...listChannels(ctx.tenantId).map(code => ({ value: code, label: channelName(ctx.lang, code) })),
              { value: CARD, label: channelName(ctx.lang, CARD) },
              ...billers.filter(b => checkLayoutOf(b.config)).map(b => ({ value: partyOf(b.id), label: billerName(ctx.lang, b) })),
            ],
            ...extra.form,
            values,
          },
        }),
      }),
      extra.form?.errors ? 422 : 200,
    )
  }

  server.get(staffPaths.reconciliation, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? show(desk, reply, { notice: textsOf(request.query).notice }) : desk
  })

  server.get(`${staffPaths.reconciliation}/breaks.csv`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const to = dayOf(kernel.clock.now())
    const seen = await viewReconciliation(desk.ctx, addDays(to, -DAYS), to)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.reconciliation}/breaks.csv`)
    void reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="breaks-${to}.csv"`)
    return reply.header('cache-control', 'no-store').send(csvOf(exportOf(desk.ctx, seen.value.open, await listBillers(desk.ctx))))
  })

  server.get('/staff/statements/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const may = permit(desk.ctx, 'payments.reconcile.read')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/statements/:id')
    const found = isUuid(id) ? await readStatementFile(desk.ctx, id) : undefined
    if (!found?.ok) return refuse(desk, reply, 404)
    const name = found.value.name.replace(/[^\w.-]/g, '_')
    void reply.type('application/octet-stream').header('content-disposition', `attachment; filename="${name}"`)
    return reply.header('cache-control', 'no-store').send(Readable.from(found.value.pieces))
  })

  server.get('/staff/check-files/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const found = await readCheckFile(desk.ctx, (request.params as { id: string }).id)
    if (!found.ok)
      return found.error.status === 404 ? refuse(desk, reply, 404) : deny(desk, reply, found.error, 'GET /staff/check-files/:id')
    const name = found.value.name.replace(/[^\w.-]/g, '_')
    void reply.type('application/octet-stream').header('content-disposition', `attachment; filename="${name}"`)
    return reply.header('cache-control', 'no-store').send(found.value.bytes)
  })

  /** A biller's file or a channel's, by whose it is said to be. */
  async function compareFile(
    ctx: Ctx,
    party: string,
    day: string,
    file: { name: string; bytes: Buffer },
  ): Promise<Result<{ outcome: Checked['outcome'] | Brought['outcome'] }>> {
    const billerId = billerOf(party)
    if (billerId !== undefined) return compareCheckFile(ctx, { billerId, day, ...file })
    if (party === CARD) return bringCardStatement(ctx, { day, file: { name: file.name, pieces: () => [file.bytes] } })
    return bringStatement(ctx, { channel: party, day, file: { name: file.name, pieces: () => [file.bytes] } })
  }

  async function compareUpload(request: FastifyRequest, reply: FastifyReply, { texts, file }: Upload): Promise<FastifyReply> {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.statements}`
    const may = permit(ctx, 'payments.reconcile.decide')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const say = (key: MessageKey) => t(ctx.lang)(key)
    const parties = [
      ...listChannels(ctx.tenantId),
      CARD,
      ...(await listBillers(ctx)).filter(b => checkLayoutOf(b.config)).map(b => partyOf(b.id)),
    ]
    const channel = parties.find(code => code === texts.channel)
    const day = readDay(texts.day ?? '')
    const errors: FieldError[] = [
      ...(channel ? [] : [{ field: 'channel', text: say('staff.error_channel') }]),
      ...(day
        ? day < dayOf(kernel.clock.now())
          ? []
          : [{ field: 'day', text: say('staff.error_day_open') }]
        : [{ field: 'day', text: say('staff.error_day') }]),
      ...(file?.bytes.length ? [] : [{ field: 'file', text: say('staff.error_file') }]),
    ]
    const again = (found: FieldError[]) => show(desk, reply, { form: { values: { ...texts }, errors: found } })
    if (!channel || !day || !file || errors.length > 0) return again(errors)
    try {
      const done = await compareFile(ctx, channel, day, file)
      if (!done.ok) return deny(desk, reply, done.error, place)
      const { outcome } = done.value
      const notice: ReconciliationNotice = outcome === 'unchanged' || outcome === 'half' ? outcome : 'compared'
      return reply.redirect(`${staffPaths.reconciliation}?notice=${notice}`, 303)
    } catch (error) {
      if (!(error instanceof StatementRefused)) throw error
      pages.refused(
        { ...desk.visit, ctx },
        { ...paymentErrors.statement_refused },
        `${place} ${channel} ${day} ${error.code}:${error.line}`,
      )
      return again([refusedText(ctx.lang, error)])
    }
  }
  addDeskUpload(server, pages, {
    path: staffPaths.statements,
    bytesMax: STATEMENT_BYTES_MAX,
    perMinute: 10,
    refused: paymentErrors.statement_refused,
    answer: compareUpload,
    again: (desk, reply, errors) => show(desk, reply, { form: { errors } }),
  })

  async function showBreak(
    desk: Desk,
    reply: FastifyReply,
    b: Break,
    typed?: { values: Record<string, string | undefined>; errors: FieldError[] },
    notice?: string,
  ) {
    const { ctx } = desk
    const say = t(ctx.lang)
    const isPayment = b.class !== 'refund_only' && b.class !== 'refund_missing'
    const isBillers = billerOf(b.channel) !== undefined
    const mayRead = permit(ctx, 'payments.order.read').ok
    const findOrder = isBillers ? findOrderById : findOrderOfAttempt
    const order = b.about && isPayment && mayRead ? await findOrder(ctx, b.about) : undefined
    const billers = await listBillers(ctx)
    const people = [b.resolvedBy, b.proposedBy].filter(id => id !== null && isUuid(id)) as string[]
    const names = await listStaffNames(ctx, people)
    const nameOf = (id: string) => names.get(id) ?? (id === 'system' ? say('who.system') : say('staff.colleague'))
    const entries = await timeline(kernel.db, ctx.tenantId, 'break', b.id, { limit: 50 })
    const mayDecide = !b.resolvedAt && permit(ctx, 'payments.reconcile.decide').ok && b.proposedBy !== ctx.actor.id
    return pages.html(
      reply,
      breakPage(desk.page, {
        ...((notice === 'resolved' || notice === 'proposed') && { notice }),
        what: say(`staff.break_${b.class}`),
        advice: say(b.isSuspended ? `staff.break_suspended_${b.class === 'refund_only' ? 'out' : 'in'}` : `staff.break_${b.class}_text`),
        severity: severityOf(ctx.lang, b.severity),
        state: say(b.resolution ? `staff.resolution_${b.resolution}` : b.proposedBy ? 'staff.break_proposed' : 'staff.break_open'),
        channel: partyName(ctx.lang, b.channel, billers),
        isBillers,
        day: b.day,
        channelNo: b.ref.slice(b.ref.indexOf(':') + 1),
        ourNo: b.ourNo,
        ...(b.line !== null && { line: b.line }),
        ...(b.statedFen !== null && { statedFen: b.statedFen }),
        ...(b.bookedFen !== null && { bookedFen: b.bookedFen }),
        happenedAt: b.happenedAt,
        openedAt: b.openedAt,
        ...(order && { orderHref: `/staff/orders/${order.id}` }),
        ...(b.reason && {
          decision: {
            reason: say(`staff.reason_${b.reason}`),
            ...(b.note && { note: b.note }),
            by: [...new Set([b.proposedBy, b.resolvedBy].filter(id => id !== null))].map(nameOf).join(' · '),
            isFinal: b.resolvedAt !== null,
          },
        }),
        ...(mayDecide && {
          form: {
            action: breakHref(b.id),
            reasons: reasonsFor(b).map(value => ({ value, label: say(`staff.reason_${value}`) })),
            note: say(b.isSuspended ? 'staff.break_write_off' : needsTwo(b) ? 'staff.break_two' : 'staff.break_no_money'),
            ...(b.proposedBy && b.reason && { values: { reason: b.reason, note: b.note ?? '' } }),
            ...typed,
          },
        }),
        timeline: entries.map(e => ({
          at: e.at,
          actor: actorName(ctx.lang, e.actor.kind),
          text: eventName(ctx.lang, e.type),
          detail: detailOf(ctx.lang, e.body),
        })),
      }),
      typed ? 422 : 200,
    )
  }

  /** The gravest and oldest that this person may still decide: who works through the list need not go back to it. */
  async function findNextBreak(ctx: Ctx, id: string): Promise<string | undefined> {
    const to = dayOf(kernel.clock.now())
    const seen = await viewReconciliation(ctx, to, to)
    return seen.ok ? seen.value.open.find(b => b.id !== id && b.proposedBy !== ctx.actor.id)?.id : undefined
  }

  server.get('/staff/breaks/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const may = permit(desk.ctx, 'payments.reconcile.read')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/breaks/:id')
    const found = isUuid(id) ? await findBreak(desk.ctx, id) : undefined
    const notice = textsOf(request.query).notice
    return found?.ok ? showBreak(desk, reply, found.value, undefined, notice) : refuse(desk, reply, 404)
  })
  pages.form(server, '/staff/breaks/:id', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const place = 'POST /staff/breaks/:id'
    const { id } = request.params as { id: string }
    const may = permit(desk.ctx, 'payments.reconcile.decide')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const found = isUuid(id) ? await findBreak(desk.ctx, id) : undefined
    if (!found?.ok) return refuse(desk, reply, 404)
    const values = textsOf(request.body)
    const decided = await decideBreak(desk.ctx, { breakId: id, reason: values.reason ?? '', note: values.note ?? '' })
    const to = (notice: ReconciliationNotice) => reply.redirect(`${staffPaths.reconciliation}?notice=${notice}`, 303)
    if (decided.ok) {
      const next = await findNextBreak(desk.ctx, id)
      return next ? reply.redirect(`${breakHref(next)}?notice=${decided.value}`, 303) : to(decided.value)
    }
    const { field, code } = decided.error
    if (field === 'reason' || field === 'note')
      return showBreak(desk, reply, found.value, { values, errors: [{ field, text: t(desk.ctx.lang)(`staff.error_break_${field}`) }] })
    pages.refused({ ...desk.visit, ctx: desk.ctx }, decided.error, place)
    return code === paymentErrors.break_resolved.code ? to('resolved_before') : refuse(desk, reply, 409)
  })
}

function exportOf(ctx: Ctx, open: readonly Break[], billers: Billers): (string | number | undefined)[][] {
  const say = t(ctx.lang)
  const titles: MessageKey[] = [
    'staff.recon_day',
    'staff.recon_channel',
    'staff.col_what',
    'staff.break_severity',
    'staff.break_channel_no',
    'staff.break_our_no',
    'staff.break_stated',
    'staff.break_booked',
    'staff.col_at',
    'staff.break_opened',
    'staff.col_state',
  ]
  const fen = (value: number | null) => (value === null ? undefined : (value / 100).toFixed(2))
  return [
    titles.map(key => say(key)),
    ...open.map(b => [
      b.day,
      partyName(ctx.lang, b.channel, billers),
      say(`staff.break_${b.class}`),
      severityOf(ctx.lang, b.severity).text,
      b.ref.slice(b.ref.indexOf(':') + 1),
      b.ourNo,
      fen(b.statedFen),
      fen(b.bookedFen),
      dateTime(ctx.lang, b.happenedAt),
      dateTime(ctx.lang, b.openedAt),
      say(b.proposedBy ? 'staff.break_proposed' : 'staff.break_open'),
    ]),
  ]
}
