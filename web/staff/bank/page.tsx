import { day, yuan } from '#web/ui/format.ts'
import { ErrorSummary, type FieldError, FileField, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, Tag, type Tone } from '#web/ui/parts.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from '../shell.tsx'

export interface PayoutView {
  day: string
  channel: string
  grossFen: number
  discountFen: number
  feeFen: number
  netFen: number
  roundingFen: number
  state: { text: string; tone: Tone }
}

export interface BankPageView {
  hasAccount: boolean
  isOwn: boolean
  payouts: readonly PayoutView[]
  owed: readonly { biller: string; days: number; from: string; to: string; netFen: number }[]
  /** What drawers took and the bank does not have yet. */
  cash: readonly { drawer: string; fen: number }[]
  files: readonly { day: string; bank: string; rows: number; closingFen: number }[]
  notice?: 'taken' | 'unchanged'
  /** For who may bring a statement in. */
  upload?: { action: string; errors?: readonly FieldError[] }
}

function Payouts({ rows }: { rows: readonly PayoutView[] }) {
  const { ctx, t } = usePage()
  if (rows.length === 0)
    return (
      <Empty title={t('bank.payouts_none')}>
        <p>{t('bank.payouts_none_text')}</p>
      </Empty>
    )
  return (
    <WideTable
      columns={[
        { title: t('staff.recon_day'), cell: (r: PayoutView) => day(ctx.lang, r.day) },
        { title: t('staff.recon_channel'), cell: r => r.channel },
        { title: t('bank.gross'), cell: r => yuan(r.grossFen), numeric: true },
        ...(rows.some(r => r.discountFen !== 0)
          ? [{ title: t('bank.discount'), cell: (r: PayoutView) => (r.discountFen === 0 ? '' : yuan(r.discountFen)), numeric: true }]
          : []),
        { title: t('bank.fee'), cell: r => yuan(r.feeFen), numeric: true },
        { title: t('bank.net'), cell: r => yuan(r.netFen), numeric: true },
        { title: t('bank.rounding'), cell: r => (r.roundingFen === 0 ? '' : yuan(r.roundingFen)), numeric: true },
        { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
      ]}
      rows={rows}
    />
  )
}

function Owed({ rows }: { rows: BankPageView['owed'] }) {
  const { ctx, t } = usePage()
  if (rows.length === 0) return <p class="t-3">{t('bank.owed_none')}</p>
  return (
    <WideTable
      columns={[
        { title: t('staff.biller'), cell: (r: BankPageView['owed'][number]) => r.biller },
        {
          title: t('bank.span'),
          cell: r => (r.from === r.to ? day(ctx.lang, r.from) : `${day(ctx.lang, r.from)} – ${day(ctx.lang, r.to)}`),
        },
        { title: t('console.count'), cell: r => t('bank.days', { n: r.days }), numeric: true },
        { title: t('staff.col_amount'), cell: r => yuan(r.netFen), numeric: true },
      ]}
      rows={rows}
    />
  )
}

function Files({ rows }: { rows: BankPageView['files'] }) {
  const { ctx, t } = usePage()
  if (rows.length === 0) return <p class="t-3">{t('bank.files_none')}</p>
  return (
    <WideTable
      columns={[
        { title: t('staff.recon_day'), cell: (r: BankPageView['files'][number]) => day(ctx.lang, r.day) },
        { title: t('bank.bank'), cell: r => r.bank },
        { title: t('staff.recon_rows'), cell: r => r.rows, numeric: true },
        { title: t('bank.closing'), cell: r => yuan(r.closingFen), numeric: true },
      ]}
      rows={rows}
    />
  )
}

/** What the channels paid out, what billers are owed, and the bank's papers about both. */
export function BankPage({ view }: { view: BankPageView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.upload?.errors} />
      <h1>{t('bank.place')}</h1>
      <p>{t('bank.lead')}</p>
      {view.notice && <Banner tone="ok" title={t(`bank.notice_${view.notice}`)} live />}
      {view.isOwn && (
        <Banner tone="warn" title={t('bank.own_title')}>
          {t('bank.own_text')}
        </Banner>
      )}
      {!view.hasAccount && (
        <Empty title={t('bank.none')}>
          <p>{t('bank.none_text')}</p>
        </Empty>
      )}
      <Pane title={t('bank.payouts')} note={t('bank.payouts_note')}>
        <Payouts rows={view.payouts} />
      </Pane>
      <Pane title={t('bank.owed')} note={t('bank.owed_note')}>
        <Owed rows={view.owed} />
      </Pane>
      {view.cash.length > 0 && (
        <Pane title={t('bank.cash')} note={t('bank.cash_note')}>
          <WideTable
            columns={[
              { title: t('cash.drawer'), cell: (r: BankPageView['cash'][number]) => r.drawer },
              { title: t('staff.col_amount'), cell: r => yuan(r.fen), numeric: true },
            ]}
            rows={view.cash}
          />
        </Pane>
      )}
      <Pane title={t('bank.files')}>
        <Files rows={view.files} />
      </Pane>
      {view.upload && view.hasAccount && (
        <Pane title={t('bank.upload')} note={t('bank.upload_note')}>
          <PostForm action={view.upload.action} class="stack" hasFile>
            <FileField name="file" label={t('bank.file')} hint={t('bank.file_hint')} accept=".txt,.csv" errors={view.upload.errors} />
            <div class="btns">
              <Button>{t('bank.upload_do')}</Button>
            </div>
          </PostForm>
        </Pane>
      )}
    </StaffLayout>
  )
}

export const bankPage = (ctx: StaffPageContext, view: BankPageView): string =>
  renderStaffPage(ctx, <BankPage view={view} />, { title: t(ctx.lang)('bank.place') })
