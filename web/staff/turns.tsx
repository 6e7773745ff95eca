import { dateTime, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Empty, SummaryList, Tag } from '#web/ui/parts.tsx'
import { PendingBanner } from './cash.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface TurnView {
  drawer: string
  cashier: string
  openedAt: Date
  closedAt?: Date
  openingFen: number
  /** What the turn before left. */
  handedOverFen?: number
  movedFen: number
  taken: number
  paidOut: number
  expectedFen?: number
  countedFen?: number
  href: string
}

const overOf = (view: TurnView): number => (view.countedFen ?? 0) - (view.expectedFen ?? 0)

/** What was found at the opening; between two turns money is carried away, and never comes. */
function Opening({ view }: { view: TurnView }) {
  const { t } = usePage()
  const between = view.handedOverFen === undefined ? 0 : view.openingFen - view.handedOverFen
  return (
    <>
      {yuan(view.openingFen)}
      {between !== 0 && (
        <>
          {' '}
          <Tag {...(between > 0 && { tone: 'warn' as const })}>
            {t(between < 0 ? 'cash.carried_away' : 'cash.came_from_nowhere', { amount: yuan(Math.abs(between)) })}
          </Tag>
        </>
      )}
    </>
  )
}

function OverShort({ view }: { view: TurnView }) {
  const { t } = usePage()
  if (view.countedFen === undefined) return <Tag>{t('cash.still_open')}</Tag>
  const over = overOf(view)
  if (over === 0) return <Tag tone="ok">{t('cash.exact')}</Tag>
  return <Tag tone="bad">{t(over > 0 ? 'cash.over' : 'cash.short', { amount: yuan(Math.abs(over)) })}</Tag>
}

/** One turn, to be printed and handed over. */
export function TurnPage({ view }: { view: TurnView }) {
  const { ctx, t } = usePage()
  const rows = [
    { label: t('cash.drawer'), value: view.drawer },
    { label: t('cash.cashier'), value: view.cashier },
    { label: t('cash.opened'), value: dateTime(ctx.lang, view.openedAt) },
    ...(view.closedAt ? [{ label: t('cash.closed'), value: dateTime(ctx.lang, view.closedAt) }] : []),
    ...(view.handedOverFen === undefined ? [] : [{ label: t('cash.handed_over'), value: yuan(view.handedOverFen) }]),
    { label: t('cash.opening'), value: <Opening view={view} /> },
    { label: t('cash.taken'), value: t('cash.moved', { n: view.taken }) },
    { label: t('cash.paid_out'), value: t('cash.moved', { n: view.paidOut }) },
    { label: t('cash.net'), value: yuan(view.movedFen) },
    ...(view.expectedFen === undefined ? [] : [{ label: t('cash.expected'), value: yuan(view.expectedFen) }]),
    ...(view.countedFen === undefined ? [] : [{ label: t('cash.counted'), value: yuan(view.countedFen) }]),
  ]
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{t('cash.turn')}</h1>
        <OverShort view={view} />
      </div>
      <PendingBanner kind="closed" />
      <Pane title={view.drawer} note={t('cash.turn_note')}>
        <SummaryList rows={rows} />
      </Pane>
    </StaffLayout>
  )
}

export interface SignalView {
  cashier: string
  text: string
}

/** All turns, for who answers for the drawers, and what stands out at a window. */
export function TurnsPage({ rows, signals }: { rows: readonly TurnView[]; signals: readonly SignalView[] }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('cash.turns')}</h1>
      {signals.length > 0 && (
        <Pane title={t('watch.title')} note={t('watch.note')}>
          <ul class="stack">
            {signals.map(s => (
              <li key={s.cashier + s.text}>
                <b>{s.cashier}</b> {s.text}
              </li>
            ))}
          </ul>
        </Pane>
      )}
      {rows.length === 0 ? (
        <Empty title={t('cash.turns_none')}>
          <p>{t('cash.turns_none_text')}</p>
        </Empty>
      ) : (
        <div class="card pane">
          <WideTable
            columns={[
              { title: t('cash.opened'), cell: (r: TurnView) => <a href={r.href}>{dateTime(ctx.lang, r.openedAt)}</a> },
              { title: t('cash.drawer'), cell: r => r.drawer },
              { title: t('cash.cashier'), cell: r => r.cashier },
              { title: t('cash.opening'), cell: r => <Opening view={r} /> },
              { title: t('cash.closed'), cell: r => r.closedAt && dateTime(ctx.lang, r.closedAt) },
              { title: t('cash.taken'), cell: r => r.taken, numeric: true },
              { title: t('cash.paid_out'), cell: r => r.paidOut, numeric: true },
              { title: t('cash.net'), cell: r => yuan(r.movedFen), numeric: true },
              { title: t('cash.difference'), cell: r => <OverShort view={r} /> },
            ]}
            rows={rows}
          />
        </div>
      )}
    </StaffLayout>
  )
}

export const turnPage = (ctx: StaffPageContext, view: TurnView): string =>
  renderStaffPage(ctx, <TurnPage view={view} />, { title: t(ctx.lang)('cash.turn'), scripts: ['offline.js'] })

export const turnsPage = (ctx: StaffPageContext, rows: readonly TurnView[], signals: readonly SignalView[]): string =>
  renderStaffPage(ctx, <TurnsPage rows={rows} signals={signals} />, { title: t(ctx.lang)('cash.turns') })
