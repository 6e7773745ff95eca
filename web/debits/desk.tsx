import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from '#web/staff/shell.tsx'
import { dateTime, day, yuan } from '#web/ui/format.ts'
import { type MessageKey, t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Empty, SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'

interface Sum {
  count: number
  fen: number
}

export interface BatchView {
  href: string
  batchNo: string
  day: string
  state: 'draft' | 'sealed' | 'sent' | 'acked' | 'returned' | 'closed'
  rows: number
  totalFen: number
  debited: Sum
  failed: Sum
  returned: Sum
  unknown: Sum
  isLate: boolean
}

export interface FileView {
  kind: string
  name: string
  sha256: string
  rows: number
  totalFen: number
  at: Date
}

const stateTones: Record<BatchView['state'], Tone | undefined> = {
  draft: 'now',
  sealed: 'now',
  sent: 'now',
  acked: 'now',
  returned: 'warn',
  closed: 'ok',
}

function BatchState({ view }: { view: Pick<BatchView, 'state' | 'isLate'> }) {
  const { t } = usePage()
  if (view.isLate) return <Tag tone="bad">{t('staff.debit_late')}</Tag>
  return <Tag tone={stateTones[view.state]}>{t(`staff.debit_state_${view.state}`)}</Tag>
}

function Files({ title, files }: { title: MessageKey; files: readonly FileView[] }) {
  const { ctx, t } = usePage()
  const kinds: Readonly<Record<string, MessageKey>> = {
    ...{ O: 'staff.debit_kind_O', A: 'staff.debit_kind_A', R: 'staff.debit_kind_R', B: 'staff.debit_kind_B' },
  }
  return (
    <Pane title={t(title)}>
      <WideTable
        columns={[
          { title: t('staff.debit_file_name'), cell: (f: FileView) => f.name },
          {
            title: t('staff.debit_file_kind'),
            cell: f => <Tag tone={kinds[f.kind] ? undefined : 'bad'}>{t(kinds[f.kind] ?? 'staff.debit_kind_unread')}</Tag>,
          },
          { title: t('staff.col_at'), cell: f => dateTime(ctx.lang, f.at) },
          { title: t('staff.debit_file_sha'), cell: f => <code>{f.sha256.slice(0, 16)}</code> },
          { title: t('staff.debit_rows'), cell: f => f.rows, numeric: true },
          { title: t('staff.debit_total'), cell: f => yuan(f.totalFen), numeric: true },
        ]}
        rows={files}
      />
    </Pane>
  )
}

export interface BatchesView {
  batches: readonly BatchView[]
  loose: readonly FileView[]
}

/** What was asked of the bank day by day, and what it answered. */
export function BatchesPage({ view }: { view: BatchesView }) {
  const { ctx, t } = usePage()
  const sum = ({ count, fen }: Sum) => (count === 0 ? '' : t('staff.debit_sum', { count, amount: yuan(fen) }))
  return (
    <StaffLayout>
      <h1>{t('staff.debits')}</h1>
      <p class="t-2">{t('staff.debits_lead')}</p>
      {view.batches.length === 0 ? (
        <Empty title={t('staff.debits_none')}>
          <p>{t('staff.debits_none_text')}</p>
        </Empty>
      ) : (
        <Pane title={t('staff.debit_batches')}>
          <WideTable
            columns={[
              { title: t('staff.debit_no'), cell: (b: BatchView) => <a href={b.href}>{b.batchNo}</a> },
              { title: t('staff.recon_day'), cell: b => day(ctx.lang, b.day) },
              { title: t('staff.col_state'), cell: b => <BatchState view={b} /> },
              { title: t('staff.debit_rows'), cell: b => b.rows, numeric: true },
              { title: t('staff.debit_total'), cell: b => yuan(b.totalFen), numeric: true },
              { title: t('staff.debit_debited'), cell: b => sum(b.debited), numeric: true },
              { title: t('staff.debit_failed'), cell: b => sum(b.failed), numeric: true },
              { title: t('staff.debit_returned'), cell: b => sum(b.returned), numeric: true },
              { title: t('staff.debit_unknown'), cell: b => sum(b.unknown), numeric: true },
            ]}
            rows={view.batches}
          />
        </Pane>
      )}
      {view.loose.length > 0 && <Files title="staff.debit_loose" files={view.loose} />}
    </StaffLayout>
  )
}

export const batchesPage = (ctx: StaffPageContext, view: BatchesView): string =>
  renderStaffPage(ctx, <BatchesPage view={view} />, { title: t(ctx.lang)('staff.debits') })

export interface BatchDetailView extends BatchView {
  sha256?: string
  failures: readonly { text: string; count: number }[]
  files: readonly FileView[]
  list: readonly {
    seq: number | null
    orderNo: string
    /** Without an address for who may not read orders. */
    href?: string
    purpose: string
    state: 'waiting' | 'unknown' | 'debited' | 'failed' | 'returned' | 'withdrawn' | 'late'
    why?: string
    bankNo: string
    amountFen: number
  }[]
}

type Row = BatchDetailView['list'][number]
const rowTones: Partial<Record<Row['state'], Tone>> = { unknown: 'now', debited: 'ok', failed: 'warn', returned: 'bad', late: 'bad' }

/** One batch: its figures, why debits failed, every file about it, and each debit with its order. */
export function BatchPage({ view }: { view: BatchDetailView }) {
  const { ctx, t } = usePage()
  const sum = ({ count, fen }: Sum) => t('staff.debit_sum', { count, amount: yuan(fen) })
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{t('staff.debit_batch', { no: view.batchNo })}</h1>
        <BatchState view={view} />
      </div>
      <div class="stack">
        <Pane title={t('staff.debits')}>
          <SummaryList
            rows={[
              { label: t('staff.recon_day'), value: day(ctx.lang, view.day) },
              { label: t('staff.debit_total'), value: sum({ count: view.rows, fen: view.totalFen }) },
              { label: t('staff.debit_debited'), value: sum(view.debited) },
              { label: t('staff.debit_failed'), value: sum(view.failed) },
              ...(view.returned.count > 0 ? [{ label: t('staff.debit_returned'), value: sum(view.returned) }] : []),
              ...(view.unknown.count > 0 ? [{ label: t('staff.debit_unknown'), value: sum(view.unknown) }] : []),
              ...(view.sha256 ? [{ label: t('staff.debit_file_sha'), value: <code class="keep">{view.sha256.slice(0, 32)}…</code> }] : []),
              ...(view.failures.length > 0
                ? [{ label: t('staff.debit_failures'), value: view.failures.map(f => `${f.text} ${f.count}`).join(t('list.comma')) }]
                : []),
            ]}
          />
        </Pane>
        <Pane title={t('staff.debit_list')}>
          <WideTable
            columns={[
              { title: t('staff.debit_order'), cell: (r: Row) => (r.href ? <a href={r.href}>{r.orderNo}</a> : r.orderNo) },
              { title: t('staff.debit_seq'), cell: r => r.seq ?? '' },
              { title: t('staff.kind_bill'), cell: r => r.purpose },
              {
                title: t('staff.col_state'),
                cell: r => (
                  <Tag tone={rowTones[r.state]}>
                    {t(`staff.debit_row_${r.state}`)}
                    {r.why && `${t('list.comma')}${r.why}`}
                  </Tag>
                ),
              },
              { title: t('staff.debit_bank_no'), cell: r => r.bankNo },
              { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
            ]}
            rows={view.list}
          />
        </Pane>
        {view.files.length > 0 && <Files title="staff.debit_files" files={view.files} />}
      </div>
    </StaffLayout>
  )
}

export const batchPage = (ctx: StaffPageContext, view: BatchDetailView): string =>
  renderStaffPage(ctx, <BatchPage view={view} />, { title: t(ctx.lang)('staff.debit_batch', { no: view.batchNo }) })
