import { Share } from '#web/ui/charts.tsx'
import { dateTime, dayWithYear, duration, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Empty, LinkButton, Pager, type PagerView, Tag, type Tone } from '#web/ui/parts.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

/** A figure and the records behind it. */
export interface FigureView {
  label: string
  value: string
  note?: string
  href?: string
  tone?: Tone
}

export interface PartView {
  name: string
  href: string
  orders: number
  fen: number
  /** Of the whole, 0 to 1. */
  share: number
}

export interface FunnelStepView {
  name: string
  count: number
  /** Of those that began, 0 to 1. */
  share: number
  /** Left between the step before and this one. */
  lost: number
  /** Seconds since the step before: half were faster, nine in ten were faster. */
  s50?: number
  s90?: number
}

export interface ConsoleView {
  day: string
  isToday: boolean
  prevHref: string
  nextHref?: string
  figures: readonly FigureView[]
  channels: readonly PartView[]
  places: readonly PartView[]
  billers: readonly PartView[]
  returned: readonly { name: string; refunds: number; fen: number }[]
  failures: readonly { name: string; party: string; href: string; orders: number; fen: number }[]
  waiting: readonly { name: string; href: string; count: number; note?: string }[]
  drawers: readonly { drawer: string; cashier: string; href: string; openedAt: Date; taken: number; isOld: boolean }[]
  health: readonly {
    name: string
    state: { text: string; tone: Tone }
    posted: number
    rejected: number
    unanswered: number
    billsAt?: Date
    settledOn?: string
  }[]
  funnel: readonly FunnelStepView[]
}

const pct = (share: number): string => `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)}%`

function Figures({ figures }: { figures: readonly FigureView[] }) {
  return (
    <ul class="tiles">
      {figures.map(f => {
        const body = (
          <>
            <span class="t-2">{f.label}</span>
            <b class={f.tone ? `tone--${f.tone}` : undefined}>{f.value}</b>
            {f.note && <small class="t-3">{f.note}</small>}
          </>
        )
        return (
          <li key={f.label}>
            {f.href ? (
              <a class="card" href={f.href}>
                {body}
              </a>
            ) : (
              <div class="card">{body}</div>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function Parts({ title, name, rows }: { title: string; name: string; rows: readonly PartView[] }) {
  const { t } = usePage()
  return (
    <Pane title={title}>
      {rows.length === 0 ? (
        <p class="t-3">{t('console.none_yet')}</p>
      ) : (
        <WideTable
          columns={[
            { title: name, cell: (r: PartView) => <a href={r.href}>{r.name}</a> },
            { title: t('console.share'), cell: r => <Share part={r.share} label={pct(r.share)} /> },
            { title: t('console.orders'), cell: r => r.orders, numeric: true },
            { title: t('staff.col_amount'), cell: r => yuan(r.fen), numeric: true },
          ]}
          rows={rows}
        />
      )}
    </Pane>
  )
}

function Funnel({ steps }: { steps: readonly FunnelStepView[] }) {
  const { ctx, t } = usePage()
  const seconds = (s: number | undefined) => (s === undefined ? '—' : duration(ctx.lang, s))
  return (
    <Pane title={t('console.funnel')} note={t('console.funnel_note')}>
      <WideTable
        columns={[
          { title: t('console.step'), cell: (r: FunnelStepView) => r.name },
          { title: t('console.reached'), cell: r => <Share part={r.share} label={pct(r.share)} /> },
          { title: t('console.count'), cell: r => r.count, numeric: true },
          { title: t('console.lost'), cell: r => r.lost || '—', numeric: true },
          { title: t('console.s50'), cell: r => seconds(r.s50), numeric: true },
          { title: t('console.s90'), cell: r => seconds(r.s90), numeric: true },
        ]}
        rows={steps}
      />
    </Pane>
  )
}

function Failures({ rows }: { rows: ConsoleView['failures'] }) {
  const { t } = usePage()
  return (
    <Pane title={t('console.failures')} note={t('console.failures_note')}>
      {rows.length === 0 ? (
        <p class="t-3">{t('console.failures_none')}</p>
      ) : (
        <WideTable
          columns={[
            { title: t('staff.col_why'), cell: (r: ConsoleView['failures'][number]) => <a href={r.href}>{r.name}</a> },
            { title: t('console.at'), cell: r => r.party },
            { title: t('console.orders'), cell: r => r.orders, numeric: true },
            { title: t('staff.col_amount'), cell: r => yuan(r.fen), numeric: true },
          ]}
          rows={rows}
        />
      )}
    </Pane>
  )
}

function Returned({ rows }: { rows: ConsoleView['returned'] }) {
  const { t } = usePage()
  if (rows.length === 0) return null
  return (
    <Pane title={t('console.returned')}>
      <WideTable
        columns={[
          { title: t('staff.col_why'), cell: (r: ConsoleView['returned'][number]) => r.name },
          { title: t('console.count'), cell: r => r.refunds, numeric: true },
          { title: t('staff.col_amount'), cell: r => yuan(r.fen), numeric: true },
        ]}
        rows={rows}
      />
    </Pane>
  )
}

function Waiting({ rows }: { rows: ConsoleView['waiting'] }) {
  const { t } = usePage()
  const open = rows.filter(r => r.count > 0)
  return (
    <Pane title={t('console.waiting')}>
      {open.length === 0 ? (
        <p class="t-3">{t('console.waiting_none')}</p>
      ) : (
        <ul class="links">
          {open.map(r => (
            <li key={r.name}>
              <a href={r.href}>
                <span>
                  {r.name}
                  {r.note && <small>{r.note}</small>}
                </span>
                <span class="push">
                  <Tag tone="warn">{r.count}</Tag>
                </span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </Pane>
  )
}

function Drawers({ rows }: { rows: ConsoleView['drawers'] }) {
  const { ctx, t } = usePage()
  return (
    <Pane title={t('console.drawers')}>
      {rows.length === 0 ? (
        <p class="t-3">{t('console.drawers_none')}</p>
      ) : (
        <WideTable
          columns={[
            { title: t('cash.drawer'), cell: (r: ConsoleView['drawers'][number]) => <a href={r.href}>{r.drawer}</a> },
            { title: t('cash.cashier'), cell: r => r.cashier },
            {
              title: t('console.since'),
              cell: r => (r.isOld ? <Tag tone="warn">{dateTime(ctx.lang, r.openedAt)}</Tag> : dateTime(ctx.lang, r.openedAt)),
            },
            { title: t('console.count'), cell: r => r.taken, numeric: true },
          ]}
          rows={rows}
        />
      )}
    </Pane>
  )
}

function Health({ rows }: { rows: ConsoleView['health'] }) {
  const { ctx, t } = usePage()
  return (
    <Pane title={t('console.health')} note={t('console.health_note')}>
      <WideTable
        columns={[
          { title: t('staff.biller'), cell: (r: ConsoleView['health'][number]) => r.name },
          { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
          { title: t('console.posted'), cell: r => r.posted, numeric: true },
          { title: t('console.rejected'), cell: r => r.rejected, numeric: true },
          { title: t('console.unanswered'), cell: r => r.unanswered, numeric: true },
          { title: t('console.bills_at'), cell: r => (r.billsAt ? dateTime(ctx.lang, r.billsAt) : '—') },
          { title: t('console.settled_on'), cell: r => (r.settledOn ? dayWithYear(ctx.lang, r.settledOn) : '—') },
        ]}
        rows={rows}
      />
    </Pane>
  )
}

/** The money of a day at a glance: what came, what failed, what waits for whom. Every figure opens to its records. */
export function ConsolePage({ view }: { view: ConsoleView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{t('console.title')}</h1>
        <span class="t-2">{dayWithYear(ctx.lang, view.day)}</span>
        <nav class="btns push" aria-label={t('console.days')}>
          <LinkButton href={view.prevHref} kind="secondary">
            {t('console.day_before')}
          </LinkButton>
          {view.nextHref && (
            <LinkButton href={view.nextHref} kind="secondary">
              {t('console.day_after')}
            </LinkButton>
          )}
        </nav>
      </div>
      <Figures figures={view.figures} />
      <div class="panes">
        <Parts title={t('console.by_channel')} name={t('staff.col_channel')} rows={view.channels} />
        <Parts title={t('console.by_place')} name={t('console.place')} rows={view.places} />
        <Parts title={t('console.by_biller')} name={t('staff.biller')} rows={view.billers} />
        {view.isToday && <Waiting rows={view.waiting} />}
        <Failures rows={view.failures} />
        <Returned rows={view.returned} />
        {view.isToday && <Drawers rows={view.drawers} />}
      </div>
      <Funnel steps={view.funnel} />
      <Health rows={view.health} />
    </StaffLayout>
  )
}

export const consolePage = (ctx: StaffPageContext, view: ConsoleView): string =>
  renderStaffPage(ctx, <ConsolePage view={view} />, { title: t(ctx.lang)('console.title') })

export interface RecordRowView {
  href: string
  no: string
  text: string
  place: string
  channel: string
  at: Date
  state: { text: string; tone?: Tone }
  cause?: string
  amountFen: number
}

export interface RecordsView {
  /** What these records are, as the figure said it. */
  title: string
  day: string
  total: number
  rows: readonly RecordRowView[]
  pager: PagerView
  exports: readonly { name: string; href: string }[]
  backHref: string
  /** More than a file holds. */
  isCut: boolean
}

/** The orders behind one figure, and the same as a file. */
export function RecordsPage({ view }: { view: RecordsView }) {
  const { ctx, t } = usePage()
  const hasCause = view.rows.some(r => r.cause)
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{view.title}</h1>
        <span class="t-2">
          {dayWithYear(ctx.lang, view.day)} · {t('console.n_orders', { n: view.total })}
        </span>
        <LinkButton href={view.backHref} kind="secondary">
          {t('console.back')}
        </LinkButton>
      </div>
      {view.rows.length === 0 ? (
        <Empty title={t('console.records_none')} />
      ) : (
        <section class="card pane" aria-label={view.title}>
          <WideTable
            columns={[
              { title: t('staff.col_no'), cell: (r: RecordRowView) => <a href={r.href}>{r.no}</a> },
              { title: t('staff.col_what'), cell: r => r.text },
              { title: t('console.place'), cell: r => r.place },
              { title: t('staff.col_channel'), cell: r => r.channel },
              { title: t('staff.col_at'), cell: r => dateTime(ctx.lang, r.at) },
              { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
              ...(hasCause ? [{ title: t('staff.col_why'), cell: (r: RecordRowView) => r.cause }] : []),
              { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
            ]}
            rows={view.rows}
          />
          <Pager view={view.pager} />
          <p class="btns">
            {view.exports.map(e => (
              <LinkButton key={e.name} href={e.href} kind="link" download>
                {t('console.export', { format: e.name })}
              </LinkButton>
            ))}
          </p>
          {view.isCut && <p class="t-3 t-sm">{t('console.export_cut')}</p>}
        </section>
      )}
    </StaffLayout>
  )
}

export const recordsPage = (ctx: StaffPageContext, view: RecordsView): string =>
  renderStaffPage(ctx, <RecordsPage view={view} />, { title: view.title })
