import { dateTime, day, signedYuan, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { LinkButton, Tag, type Tone } from '#web/ui/parts.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface MonthRowView {
  day: string
  href: string
  /** In the order of `channels`. */
  fens: readonly number[]
  orders: number
  collectedFen: number
  returnedFen: number
  breaks: number
  openBreaks: number
  overFen: number
  settled: number
  state: { text: string; tone?: Tone /** For paper, where there is little room. */; short: string }
}

export interface MonthView {
  /** '2026年11月' in the language of the page. */
  title: string
  channelCodes: readonly string[]
  channels: readonly string[]
  days: readonly MonthRowView[]
  billers: readonly { name: string; collectedFen: number; returnedFen: number; correctedFen: number }[]
  balances: readonly { name: string; fen: number }[]
  trialBalanceFen: number
  openBreaks: number
  /** One sentence: how the month stands. */
  verdict: { text: string; tone: Tone }
  prevHref?: string
  nextHref?: string
  pdfHref: string
  exports: readonly { name: string; href: string }[]
  madeAt: Date
  tenantName: string
}

const sum = (rows: readonly MonthRowView[], of: (row: MonthRowView) => number): number => rows.reduce((total, row) => total + of(row), 0)

/** A month on one page: what came, what agreed, what was settled, and the books at its end. */
export function MonthPage({ view }: { view: MonthView }) {
  const { ctx, t } = usePage()
  const whole = <T,>(of: (row: MonthRowView) => number, show: (fen: number) => T): T => show(sum(view.days, of))
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{t('month.title', { month: view.title })}</h1>
        <Tag tone={view.verdict.tone}>{view.verdict.text}</Tag>
        <nav class="btns push" aria-label={t('month.months')}>
          {view.prevHref && (
            <LinkButton href={view.prevHref} kind="secondary">
              {t('month.before')}
            </LinkButton>
          )}
          {view.nextHref && (
            <LinkButton href={view.nextHref} kind="secondary">
              {t('month.after')}
            </LinkButton>
          )}
          <LinkButton href={view.pdfHref} download>
            {t('month.pdf')}
          </LinkButton>
        </nav>
      </div>
      <Pane title={t('month.days')} note={t('month.days_note')}>
        <WideTable
          columns={[
            { title: t('staff.recon_day'), cell: (r: MonthRowView) => <a href={r.href}>{day(ctx.lang, r.day)}</a> },
            ...view.channels.map((name, i) => ({ title: name, cell: (r: MonthRowView) => yuan(r.fens[i] ?? 0), numeric: true })),
            { title: t('month.collected'), cell: (r: MonthRowView) => yuan(r.collectedFen), numeric: true },
            { title: t('console.orders'), cell: (r: MonthRowView) => r.orders, numeric: true },
            { title: t('month.returned'), cell: (r: MonthRowView) => yuan(r.returnedFen), numeric: true },
            {
              title: t('month.breaks'),
              cell: (r: MonthRowView) => (r.openBreaks > 0 ? `${r.openBreaks} / ${r.breaks}` : r.breaks),
              numeric: true,
            },
            { title: t('month.over'), cell: (r: MonthRowView) => signedYuan(r.overFen), numeric: true },
            { title: t('month.settled'), cell: (r: MonthRowView) => r.settled, numeric: true },
            { title: t('staff.col_state'), cell: (r: MonthRowView) => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
          ]}
          rows={view.days}
        />
        <p>
          <b>
            {t('month.whole', {
              collected: whole(r => r.collectedFen, yuan),
              orders: whole(r => r.orders, String),
              returned: whole(r => r.returnedFen, yuan),
            })}
          </b>
        </p>
        <p class="btns">
          {view.exports.map(e => (
            <LinkButton key={e.name} href={e.href} kind="link" download>
              {t('console.export', { format: e.name })}
            </LinkButton>
          ))}
        </p>
      </Pane>
      <div class="panes">
        <Pane title={t('month.billers')} note={t('month.billers_note')}>
          <WideTable
            columns={[
              { title: t('staff.biller'), cell: (r: MonthView['billers'][number]) => r.name },
              { title: t('staff.recon_paid'), cell: r => yuan(r.collectedFen), numeric: true },
              { title: t('staff.recon_refunded'), cell: r => yuan(r.returnedFen), numeric: true },
              { title: t('staff.settle_net'), cell: r => yuan(r.collectedFen - r.returnedFen), numeric: true },
              { title: t('month.corrected'), cell: r => signedYuan(r.correctedFen), numeric: true },
            ]}
            rows={view.billers}
          />
        </Pane>
        <Pane title={t('month.books')} note={t('month.books_note')}>
          <WideTable
            columns={[
              { title: t('month.account'), cell: (r: MonthView['balances'][number]) => r.name },
              { title: t('month.balance'), cell: r => yuan(r.fen), numeric: true },
            ]}
            rows={view.balances}
          />
          <p>
            <Tag tone={view.trialBalanceFen === 0 ? 'ok' : 'bad'}>{t('month.trial', { amount: yuan(view.trialBalanceFen) })}</Tag>
          </p>
        </Pane>
      </div>
      <p class="t-3 t-sm">{t('month.made', { at: dateTime(ctx.lang, view.madeAt) })}</p>
    </StaffLayout>
  )
}

export const monthPage = (ctx: StaffPageContext, view: MonthView): string =>
  renderStaffPage(ctx, <MonthPage view={view} />, { title: t(ctx.lang)('month.title', { month: view.title }) })
