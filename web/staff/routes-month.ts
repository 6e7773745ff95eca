import type { FastifyReply } from 'fastify'
import type { Ctx, Lang } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { periodLabel } from '#kernel/labels.ts'
import { type Month, type MonthDay, viewMonth } from '#modules/billing/index.ts'
import { todayOf } from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { channelName, textsOf } from '#web/resident/routes/views.ts'
import { hasMessage, t } from '#web/ui/messages.ts'
import type { Tone } from '#web/ui/parts.tsx'
import type { Billers } from './checks/party.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { EXPORT_FORMATS, sendExport } from './export.ts'
import { type MonthView, monthPage } from './month.tsx'
import { renderMonthPdf } from './month-pdf.ts'
import { staffPaths } from './paths.ts'
import { whyOpen } from './routes-settlements.ts'

const shifted = (month: string, by: number): string => {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7)
}

function stateOf(lang: Lang, { state }: MonthDay, billers: Billers): { text: string; tone?: Tone; short: string } {
  const say = t(lang)
  if (state === 'closed') return { text: say('month.state_closed'), tone: 'ok', short: say('month.state_closed') }
  if (state === 'not_due') return { text: say('month.state_not_due'), short: '' }
  return { text: whyOpen(lang, state, billers), tone: 'warn', short: say('month.state_open') }
}

function verdictOf(lang: Lang, m: Month): MonthView['verdict'] {
  const say = t(lang)
  if (m.trialBalanceFen !== 0) return { text: say('month.verdict_wrong'), tone: 'bad' }
  if (m.openBreaks > 0) return { text: say('month.verdict_breaks', { n: m.openBreaks }), tone: 'bad' }
  const open = m.days.filter(d => d.state !== 'closed').length
  return open > 0 ? { text: say('month.verdict_open', { n: open }), tone: 'warn' } : { text: say('month.verdict_closed'), tone: 'ok' }
}

const accountName = (lang: Lang, code: string): string => {
  const key = `month.account_${code}`
  return hasMessage(key) ? `${code} ${t(lang)(key)}` : code
}

const addressOf = (month: string, ending = ''): string => `${staffPaths.month}${ending}?month=${month}`

function monthView(ctx: Ctx, m: Month, tenantName: string): MonthView {
  const { lang } = ctx
  const channels = [...new Set(m.days.flatMap(d => Object.keys(d.byChannel)))].sort()
  const today = todayOf(ctx)
  return {
    title: periodLabel(lang, m.month, m.month),
    channelCodes: channels,
    channels: channels.map(channel => channelName(lang, channel)),
    days: m.days.map(d => ({
      ...d,
      href: `${staffPaths.console}?day=${d.day}`,
      fens: channels.map(channel => d.byChannel[channel] ?? 0),
      state: stateOf(lang, d, m.billers),
    })),
    billers: m.billers.map(b => ({ ...b, name: lang === 'en' ? b.nameEn : b.nameZh })),
    balances: m.balances.map(b => ({ name: accountName(lang, b.code), fen: b.fen })),
    trialBalanceFen: m.trialBalanceFen,
    openBreaks: m.openBreaks,
    verdict: verdictOf(lang, m),
    prevHref: addressOf(shifted(m.month, -1)),
    ...(shifted(m.month, 1) <= today.slice(0, 7) && { nextHref: addressOf(shifted(m.month, 1)) }),
    pdfHref: addressOf(m.month, '.pdf'),
    exports: EXPORT_FORMATS.map(format => ({ name: format.toUpperCase(), href: addressOf(m.month, `.${format}`) })),
    madeAt: ctx.kernel.clock.now(),
    tenantName,
  }
}

/** The report of a month: page, paper, and its days as a file. */
export function addMonthRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const hidden = { schema: { hide: true } } as const

  const get = (ending: string, answer: (desk: Desk, reply: FastifyReply, m: Month) => Promise<FastifyReply> | FastifyReply) =>
    server.get(`${staffPaths.month}${ending}`, hidden, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const seen = await viewMonth(desk.ctx, textsOf(request.query).month ?? todayOf(desk.ctx).slice(0, 7))
      return seen.ok ? answer(desk, reply, seen.value) : deny(desk, reply, seen.error, `GET ${staffPaths.month}${ending}`)
    })

  get('', (desk, reply, m) => pages.html(reply, monthPage(desk.page, monthView(desk.ctx, m, desk.page.tenantName))))
  get('.pdf', async (desk, reply, m) => {
    const pdf = await renderMonthPdf(desk.ctx.lang, monthView(desk.ctx, m, desk.page.tenantName))
    void reply.type('application/pdf').header('content-disposition', `attachment; filename="month-${m.month}.pdf"`)
    return reply.header('cache-control', 'no-store').send(pdf)
  })
  for (const format of EXPORT_FORMATS)
    get(`.${format}`, (desk, reply, m) => {
      const { lang } = desk.ctx
      const say = t(lang)
      const view = monthView(desk.ctx, m, desk.page.tenantName)
      return sendExport(reply, format, {
        name: `month-${m.month}`,
        keys: ['day', ...view.channelCodes, 'collected', 'orders', 'returned', 'breaks', 'open_breaks', 'over', 'state'],
        titles: [
          say('staff.recon_day'),
          ...view.channels,
          say('month.collected'),
          say('console.orders'),
          say('month.returned'),
          say('month.breaks'),
          say('month.open_breaks'),
          say('month.over'),
          say('staff.col_state'),
        ],
        rows: view.days.map(r => [
          r.day,
          ...r.fens.map(fen => fen / 100),
          r.collectedFen / 100,
          r.orders,
          r.returnedFen / 100,
          r.breaks,
          r.openBreaks,
          r.overFen / 100,
          r.state.text,
        ]),
      })
    })
}
