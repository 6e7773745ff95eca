import { dateTime, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Empty, Pager, type PagerView, Tag, type Tone } from '#web/ui/parts.tsx'
import { canSearch, Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

export interface ResultRow {
  href: string
  kind: 'bill' | 'order' | 'receipt' | 'account' | 'resident'
  /** Number as people know it. */
  no: string
  /** Masked: service, period, address. */
  text: string
  state?: { text: string; tone?: Tone }
  amountFen?: number
  at?: Date
}

export interface SearchView {
  query: string
  /** What waits on the desk, on its first page. */
  waiting?: { href: string; text: string }
  /** Before a search: orders only a person can bring on, and the newest. */
  orders?: { stuck: readonly ResultRow[]; newest: readonly ResultRow[] } | undefined
  /** Undefined before a search. */
  results?: { rows: readonly ResultRow[]; total: number; pager: PagerView; more?: 'people' | 'bills' }
}

/** What was found, masked. */
export function Results({ rows }: { rows: readonly ResultRow[] }) {
  const { ctx, t } = usePage()
  return (
    <WideTable
      columns={[
        { title: t('staff.col_no'), cell: (r: ResultRow) => <a href={r.href}>{r.no}</a> },
        { title: t('staff.col_kind'), cell: r => t(`staff.kind_${r.kind}`) },
        { title: t('staff.col_what'), cell: r => r.text },
        { title: t('staff.col_at'), cell: r => r.at && dateTime(ctx.lang, r.at) },
        { title: t('staff.col_state'), cell: r => r.state && <Tag tone={r.state.tone}>{r.state.text}</Tag> },
        { title: t('staff.col_amount'), cell: r => r.amountFen !== undefined && yuan(r.amountFen), numeric: true },
      ]}
      rows={rows}
    />
  )
}

/** Start of the desk: search, then the list. */
export function SearchPage({ view }: { view: SearchView }) {
  const { ctx, t } = usePage()
  const { results } = view
  return (
    <StaffLayout frame={{ query: view.query }}>
      <h1>{results ? t('staff.results', { n: results.total }) : t('staff.search')}</h1>
      {canSearch(ctx) && <p class="t-3 t-sm">{t('staff.search_hint')}</p>}
      {view.waiting && (
        <Banner tone="warn" title={view.waiting.text}>
          <p>
            <a href={view.waiting.href}>{t('staff.rescues')}</a>
          </p>
        </Banner>
      )}
      {view.orders && view.orders.stuck.length > 0 && (
        <Pane title={t('staff.stuck')} note={t('staff.stuck_note')}>
          <Results rows={view.orders.stuck} />
        </Pane>
      )}
      {view.orders && (
        <Pane title={t('staff.newest')}>
          {view.orders.newest.length > 0 ? <Results rows={view.orders.newest} /> : <p class="t-3">{t('staff.newest_none')}</p>}
        </Pane>
      )}
      {results && results.rows.length === 0 && (
        <Empty title={t('staff.results_none')}>
          <p>{t('staff.results_none_text')}</p>
        </Empty>
      )}
      {results && results.rows.length > 0 && (
        <div class="card pane">
          {results.more && <Banner tone="warn" title={t(`staff.more_${results.more}`)} />}
          <Results rows={results.rows} />
        </div>
      )}
      {results && <Pager view={results.pager} />}
    </StaffLayout>
  )
}

export const searchPage = (ctx: StaffPageContext, view: SearchView): string =>
  renderStaffPage(ctx, <SearchPage view={view} />, { title: t(ctx.lang)('staff.search') })
