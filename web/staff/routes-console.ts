import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Ctx, Lang } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { formatYuan } from '#kernel/money.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays, addMs } from '#kernel/time.ts'
import {
  type BillerHealth,
  billingErrors,
  countAskedRescues,
  countDisputes,
  IN_TIME_S_MAX,
  listSignals,
  viewBillers,
  viewFunnel,
  viewSwitchover,
} from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import {
  type Collections,
  countOpenBreaks,
  exportRecords,
  listDrawerSessions,
  listRecords,
  type OrderFilter,
  type OrderRecord,
  orderStateOf,
  RECORDS_EXPORTED_MAX,
  RECORDS_PAGE,
  todayOf,
  viewCollections,
} from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { channelName, textsOf } from '#web/resident/routes/views.ts'
import { dateTime, duration, yuan } from '#web/ui/format.ts'
import { hasMessage, t } from '#web/ui/messages.ts'
import { type ConsoleView, consolePage, type FigureView, type FunnelStepView, type PartView, recordsPage } from './console.tsx'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { EXPORT_FORMATS, sendExport } from './export.ts'
import { staffPaths } from './paths.ts'
import { readDay } from './routes-reconciliation.ts'
import { codeName } from './words.ts'

const RECORDS = `${staffPaths.console}/orders`
const OUTCOMES = ['paid', 'refused', 'closed'] as const
/** An answer later than this is more than a slow line. */
const SILENT_MS_MAX = 5 * 60_000
const OLD_DRAWER_MS = 14 * 3_600_000

const placeName = (lang: Lang, place: string): string => {
  const key = `console.place_${place}`
  return hasMessage(key) ? t(lang)(key) : place
}

/** Why a channel refused, in words where we know its code. */
const refusalName = (lang: Lang, cause: string): string =>
  hasMessage(`code.${cause}`) ? codeName(lang, cause) : cause || codeName(lang, '')

const hrefOf = (query: Readonly<Record<string, string | number | undefined>>, path = RECORDS): string => {
  const given = Object.entries(query).flatMap(([key, value]) => (value === undefined || value === '' ? [] : [[key, String(value)]]))
  return `${path}?${new URLSearchParams(given)}`
}

interface Wanted {
  readonly day: string
  readonly outcome: OrderFilter['outcome']
  readonly channel?: string
  readonly place?: string
  readonly biller?: string
  readonly cause?: string
}

function readWanted(query: Record<string, string>, today: string): Wanted {
  const { channel, place, biller, cause } = query
  const text = (value: string | undefined) => value?.slice(0, 60) || undefined
  return {
    day: readDay(query.day ?? '') ?? today,
    outcome: OUTCOMES.find(known => known === query.outcome) ?? 'paid',
    ...(text(channel) && { channel: text(channel)! }),
    ...(text(place) && { place: text(place)! }),
    ...(text(biller) && { biller: text(biller)! }),
    ...(text(cause) && { cause: text(cause)! }),
  }
}

const sumOf = (c: Collections) => c.rows.find(row => row.by === 'all') ?? { orders: 0, fen: 0 }

function partsOf(c: Collections, by: 'channel' | 'place' | 'payee', nameOf: (key: string) => { name: string; href: string }): PartView[] {
  const rows = c.rows.filter(row => row.by === by)
  // Of its own sum: what billers had is not what came in, where money was held in advance.
  const whole = rows.reduce((sum, row) => sum + row.fen, 0)
  return rows.map(row => ({ ...nameOf(row.key), orders: row.orders, fen: row.fen, share: whole > 0 ? row.fen / whole : 0 }))
}

type Funnel = Extract<Awaited<ReturnType<typeof viewFunnel>>, { ok: true }>['value']

function stepsOf(lang: Lang, f: Funnel): FunnelStepView[] {
  const say = t(lang)
  const steps = [
    { name: say('console.step_begun'), count: f.begun },
    { name: say('console.step_confirmed'), count: f.confirmed, s50: f.confirmS50, s90: f.confirmS90 },
    { name: say('console.step_handed'), count: f.handed },
    { name: say('console.step_paid'), count: f.paid, s50: f.payS50, s90: f.payS90 },
    { name: say('console.step_ended'), count: f.ended, s50: f.receiptS50, s90: f.receiptS90 },
  ]
  return steps.map(({ name, count, s50 = null, s90 = null }, i) => ({
    name,
    count,
    share: f.begun > 0 ? count / f.begun : 0,
    lost: i === 0 ? 0 : Math.max(0, steps[i - 1]!.count - count),
    ...(s50 !== null && { s50 }),
    ...(s90 !== null && { s90 }),
  }))
}

function figuresOf(lang: Lang, day: string, c: Collections, f: Funnel): FigureView[] {
  const say = t(lang)
  const whole = sumOf(c)
  const returnedFen = c.returned.reduce((sum, r) => sum + r.fen, 0)
  const failed = c.failures.filter(r => r.outcome === 'refused').reduce((sum, r) => sum + r.orders, 0)
  const change = c.weekBeforeFen > 0 ? Math.round(((whole.fen - c.weekBeforeFen) / c.weekBeforeFen) * 100) : undefined
  const inTime = f.paid > 0 ? Math.round((f.inTime / f.paid) * 1000) / 10 : undefined
  const odd = f.confirmed > 0 ? Math.round((f.odd / f.confirmed) * 10_000) / 100 : undefined
  return [
    {
      label: say('console.collected'),
      value: `¥${yuan(whole.fen)}`,
      note:
        change === undefined
          ? say('console.no_week_before')
          : say(change < 0 ? 'console.below_week' : 'console.above_week', { pct: Math.abs(change) }),
      href: hrefOf({ day, outcome: 'paid' }),
    },
    {
      label: say('console.paid_orders'),
      value: String(whole.orders),
      note: say('console.refused_n', { n: failed }),
      href: hrefOf({ day, outcome: 'paid' }),
    },
    {
      label: say('console.given_back'),
      value: `¥${yuan(returnedFen)}`,
      note: say('console.n_refunds', { n: c.returned.reduce((sum, r) => sum + r.refunds, 0) }),
    },
    {
      label: say('console.whole_time'),
      value: f.wholeS50 === null ? '—' : duration(lang, f.wholeS50),
      note: inTime === undefined ? say('console.none_yet') : say('console.in_time', { pct: inTime, minutes: IN_TIME_S_MAX / 60 }),
      ...(inTime !== undefined && inTime < 90 && { tone: 'warn' as const }),
    },
    {
      label: say('console.odd'),
      value: odd === undefined ? '—' : `${odd}%`,
      note: say('console.odd_note', { n: f.odd }),
      ...(odd !== undefined && odd >= 0.5 && { tone: 'bad' as const }),
    },
  ]
}

function healthOf(lang: Lang, now: Date, b: BillerHealth): ConsoleView['health'][number] {
  const isSilent = b.unansweredSince !== null && now.getTime() - b.unansweredSince.getTime() > SILENT_MS_MAX
  const state = isSilent ? 'silent' : b.rejected > 0 ? 'refuses' : 'well'
  return {
    name: lang === 'en' ? b.nameEn : b.nameZh,
    state: { text: t(lang)(`console.biller_${state}`), tone: state === 'silent' ? 'bad' : state === 'refuses' ? 'warn' : 'ok' },
    posted: b.posted,
    rejected: b.rejected,
    unanswered: b.unanswered,
    ...(b.billsAt && { billsAt: b.billsAt }),
    ...(b.settledOn && { settledOn: b.settledOn }),
  }
}

/** How long a feature that went back by itself is shown. */
const SWITCH_SHOWN_MS = 7 * 86_400_000

/** What waits for people, with where to go. What this person may not see is left out. */
async function waitingOf(ctx: Ctx, { waiting: w }: Collections): Promise<ConsoleView['waiting']> {
  const say = t(ctx.lang)
  const breaks = await countOpenBreaks(ctx)
  const rescues = await countAskedRescues(ctx)
  const disputes = await countDisputes(ctx)
  const signals = await listSignals(ctx)
  const switched = await viewSwitchover(ctx)
  const plans = switched.ok ? switched.value.plans : []
  const running = plans.filter(plan => plan.isAgreed && !plan.endedAt).length
  const since = addMs(ctx.kernel.clock.now(), -SWITCH_SHOWN_MS)
  const back = plans.filter(plan => plan.endWhy === 'budget' && plan.endedAt! > since).length
  return [
    ...(signals.ok ? [{ name: say('watch.title'), href: staffPaths.turns, count: signals.value.length }] : []),
    ...(breaks.ok ? [{ name: say('console.wait_breaks'), href: staffPaths.reconciliation, count: breaks.value }] : []),
    {
      name: say('switch.console'),
      href: staffPaths.switchover,
      count: running + back,
      ...(back > 0 && { note: say('switch.console_back') }),
    },
    { name: say('console.wait_refunds'), href: staffPaths.refunds, count: w.requested },
    ...(rescues.ok ? [{ name: say('console.wait_rescues'), href: staffPaths.rescues, count: rescues.value.count }] : []),
    ...(disputes.ok ? [{ name: say('console.wait_disputes'), href: staffPaths.disputes, count: disputes.value }] : []),
    { name: say('console.wait_suspended'), href: staffPaths.search, count: w.suspended, note: `¥${yuan(w.suspendedFen)}` },
    { name: say('console.wait_stuck'), href: staffPaths.search, count: w.stuck },
    { name: say('console.wait_unknown'), href: staffPaths.search, count: w.unknown, note: say('console.wait_unknown_note') },
  ]
}

async function drawersOf(ctx: Ctx): Promise<ConsoleView['drawers']> {
  const sessions = await listDrawerSessions(ctx)
  if (!sessions.ok) return []
  const open = sessions.value.filter(({ session }) => session.closedAt === null)
  const names = await listStaffNames(ctx, [...new Set(open.map(({ session }) => session.cashierId))])
  const now = ctx.kernel.clock.now().getTime()
  return open.map(({ session: s, taken }) => ({
    drawer: s.drawer,
    cashier: names.get(s.cashierId) ?? '',
    href: `${staffPaths.cash}/turns/${s.id}`,
    openedAt: s.openedAt,
    taken,
    isOld: now - s.openedAt.getTime() > OLD_DRAWER_MS,
  }))
}

async function consoleOf(ctx: Ctx, day: string): Promise<Result<ConsoleView>> {
  const today = todayOf(ctx)
  const [collections, funnel, billers] = [await viewCollections(ctx, day), await viewFunnel(ctx, { day }), await viewBillers(ctx, day)]
  if (!collections.ok) return collections
  if (!funnel.ok) return funnel
  if (!billers.ok) return billers
  const { lang } = ctx
  const c = collections.value
  const payees = new Map(billers.value.map(b => [String(b.payableAccountId), b]))
  const paid = { day, outcome: 'paid' }
  const isToday = day === today
  return ok({
    day,
    isToday,
    prevHref: hrefOf({ day: addDays(day, -1) }, staffPaths.console),
    ...(day < today && { nextHref: hrefOf({ day: addDays(day, 1) }, staffPaths.console) }),
    figures: figuresOf(lang, day, c, funnel.value),
    channels: partsOf(c, 'channel', key => ({ name: channelName(lang, key), href: hrefOf({ ...paid, channel: key }) })),
    places: partsOf(c, 'place', key => ({ name: placeName(lang, key), href: hrefOf({ ...paid, place: key }) })),
    billers: partsOf(c, 'payee', key => {
      const biller = payees.get(key)
      return { name: biller ? (lang === 'en' ? biller.nameEn : biller.nameZh) : key, href: hrefOf({ ...paid, biller: biller?.id }) }
    }),
    returned: c.returned.map(r => ({ name: codeName(lang, r.cause), refunds: r.refunds, fen: r.fen })),
    failures: c.failures.map(f => ({
      name: f.outcome === 'closed' ? codeName(lang, f.cause) : refusalName(lang, f.cause),
      party: f.outcome === 'closed' ? t(lang)('console.at_us') : channelName(lang, f.channel),
      href: hrefOf({ day, outcome: f.outcome, channel: f.channel, cause: f.cause }),
      orders: f.orders,
      fen: f.fen,
    })),
    waiting: isToday ? await waitingOf(ctx, c) : [],
    drawers: isToday ? await drawersOf(ctx) : [],
    health: billers.value.map(b => healthOf(lang, ctx.kernel.clock.now(), b)),
    funnel: stepsOf(lang, funnel.value),
  })
}

const STATE_TONES = { open: 'now', paid: 'ok', closed: undefined } as const

/** The columns of the exported file: names for programs, and where their titles stand. */
const EXPORTED = ['order', 'what', 'place', 'channel', 'created_at', 'paid_at', 'state', 'cause', 'amount_yuan', 'returned_yuan'] as const

const exportedRow = (lang: Lang, r: OrderRecord): (string | number)[] => [
  r.code,
  r.title,
  placeName(lang, r.place),
  r.channel ? channelName(lang, r.channel) : '',
  dateTime(lang, r.createdAt),
  r.paidAt ? dateTime(lang, r.paidAt) : '',
  t(lang)(`staff.state_${orderStateOf(r.state)}`),
  r.cause ?? '',
  Number(formatYuan(r.amountFen).replaceAll(',', '')),
  Number(formatYuan(r.refundedFen).replaceAll(',', '')),
]

/** Today's money: the page managers begin the day with, and the records behind each of its figures. */
export function addConsoleRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const hidden = { schema: { hide: true } } as const

  server.get(staffPaths.console, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const today = todayOf(desk.ctx)
    const asked = readDay(textsOf(request.query).day ?? '')
    const seen = await consoleOf(desk.ctx, asked !== undefined && asked < today ? asked : today)
    return seen.ok ? pages.html(reply, consolePage(desk.page, seen.value)) : deny(desk, reply, seen.error, `GET ${staffPaths.console}`)
  })

  async function filterOf(desk: Desk, w: Wanted): Promise<Result<OrderFilter>> {
    const { outcome, channel, place, cause, biller } = w
    if (biller === undefined) return ok({ outcome, channel, place, cause })
    const billers = await viewBillers(desk.ctx, w.day)
    if (!billers.ok) return billers
    const found = billers.value.find(b => b.id === biller)
    return found ? ok({ outcome, channel, place, cause, payeeAccountId: found.payableAccountId }) : fail(billingErrors.bill_not_found)
  }

  async function showRecords(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const query = textsOf(request.query)
    const wanted = readWanted(query, todayOf(ctx))
    const filter = await filterOf(desk, wanted)
    if (!filter.ok) return deny(desk, reply, filter.error, `GET ${RECORDS}`)
    const page = Math.min(Math.max(Number.parseInt(query.page ?? '', 10) || 1, 1), 10_000)
    const seen = await listRecords(ctx, { day: wanted.day, filter: filter.value, page })
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${RECORDS}`)
    const { records, total } = seen.value
    const count = Math.max(1, Math.ceil(total / RECORDS_PAGE))
    const { lang } = ctx
    return pages.html(
      reply,
      recordsPage(desk.page, {
        title: t(lang)(`console.records_${wanted.outcome}`),
        day: wanted.day,
        total,
        rows: records.map(r => ({
          href: `/staff/orders/${r.id}`,
          no: r.code.slice(-8),
          text: r.title,
          place: placeName(lang, r.place),
          channel: r.channel ? channelName(lang, r.channel) : '—',
          at: r.paidAt ?? r.createdAt,
          state: {
            text: t(lang)(`staff.state_${orderStateOf(r.state)}`),
            ...(STATE_TONES[orderStateOf(r.state)] && { tone: STATE_TONES[orderStateOf(r.state)]! }),
          },
          ...(r.cause && { cause: refusalName(lang, r.cause) }),
          amountFen: r.amountFen,
        })),
        pager: {
          page,
          pages: count,
          ...(page > 1 && { prevHref: hrefOf({ ...wanted, page: page - 1 }) }),
          ...(page < count && { nextHref: hrefOf({ ...wanted, page: page + 1 }) }),
        },
        exports: EXPORT_FORMATS.map(format => ({ name: format.toUpperCase(), href: hrefOf({ ...wanted }, `${RECORDS}.${format}`) })),
        backHref: hrefOf({ day: wanted.day }, staffPaths.console),
        isCut: total > RECORDS_EXPORTED_MAX,
      }),
    )
  }
  server.get(RECORDS, hidden, showRecords)

  for (const format of EXPORT_FORMATS)
    server.get(`${RECORDS}.${format}`, hidden, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const wanted = readWanted(textsOf(request.query), todayOf(desk.ctx))
      const filter = await filterOf(desk, wanted)
      const seen = filter.ok ? await exportRecords(desk.ctx, { day: wanted.day, filter: filter.value }) : filter
      if (!seen.ok) return deny(desk, reply, seen.error, `GET ${RECORDS}.${format}`)
      const { lang } = desk.ctx
      return sendExport(reply, format, {
        name: `orders-${wanted.outcome}-${wanted.day}`,
        keys: EXPORTED,
        titles: EXPORTED.map(key => t(lang)(`console.export_${key}`)),
        rows: seen.value.map(record => exportedRow(lang, record)),
      })
    })
}
