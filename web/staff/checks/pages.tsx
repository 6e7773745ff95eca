import { dateTime, day, dayWithYear, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, FileField, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'
import { staffPaths } from '../paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from '../shell.tsx'

interface Word {
  text: string
  tone?: Tone
}

export const CHECK_NOTICES = ['resolved', 'proposed', 'resolved_before', 'taken', 'known'] as const
export type CheckNotice = (typeof CHECK_NOTICES)[number]

export interface CheckDayView {
  day: string
  biller: string
  rows: number
  totalFen: number
  state: Word
  fileHref?: string
  why?: string
}

export interface CheckRowView {
  href: string
  what: string
  severity: Word
  biller: string
  day: string
  toldFen: number | null
  statedFen: number | null
  isProposed: boolean
}

export interface ChecksPageView {
  days: readonly CheckDayView[]
  open: readonly CheckRowView[]
  notice?: CheckNotice
  upload?: { billers: readonly { value: string; label: string }[]; chosen?: string; errors?: readonly FieldError[] }
}

const NOTICE_TONES = { resolved: 'ok', proposed: 'ok', resolved_before: 'warn', taken: 'ok', known: 'now' } as const

function Notice({ notice }: { notice: CheckNotice | undefined }) {
  const { t } = usePage()
  return notice ? <Banner tone={NOTICE_TONES[notice]} title={t(`check.notice_${notice}`)} live /> : null
}

const side = (fen: number | null): string => (fen === null ? '–' : yuan(fen))

/** How each day agrees with what the billers state, and what waits for somebody. */
export function ChecksPage({ view }: { view: ChecksPageView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.upload?.errors} />
      <h1>{t('check.title')}</h1>
      <Notice notice={view.notice} />
      <Pane title={t('check.open', { n: view.open.length })}>
        {view.open.length === 0 ? (
          <Empty title={t('check.none')}>
            <p>{t('check.none_text')}</p>
          </Empty>
        ) : (
          <WideTable
            columns={[
              { title: t('staff.col_what'), cell: (r: CheckRowView) => <a href={r.href}>{r.what}</a> },
              { title: t('staff.break_severity'), cell: r => <Tag tone={r.severity.tone}>{r.severity.text}</Tag> },
              { title: t('staff.biller'), cell: r => r.biller },
              { title: t('staff.recon_day'), cell: r => day(ctx.lang, r.day) },
              { title: t('staff.col_state'), cell: r => (r.isProposed ? t('staff.break_proposed') : t('staff.break_open')) },
              { title: t('check.told'), cell: r => side(r.toldFen), numeric: true },
              { title: t('check.stated'), cell: r => side(r.statedFen), numeric: true },
            ]}
            rows={view.open}
          />
        )}
      </Pane>
      <Pane title={t('check.days')} note={t('check.days_note')}>
        {view.days.length === 0 ? (
          <Empty title={t('check.days_none')}>
            <p>{t('check.days_none_text')}</p>
          </Empty>
        ) : (
          <WideTable
            columns={[
              { title: t('staff.recon_day'), cell: (r: CheckDayView) => day(ctx.lang, r.day) },
              { title: t('staff.biller'), cell: r => r.biller },
              { title: t('staff.recon_rows'), cell: r => (r.why ? '' : r.rows), numeric: true },
              { title: t('check.total'), cell: r => (r.why ? '' : yuan(r.totalFen)), numeric: true },
              {
                title: t('staff.col_state'),
                cell: r => (
                  <>
                    <Tag tone={r.state.tone}>{r.state.text}</Tag>
                    {r.why && <small class="t-3"> {r.why}</small>}
                  </>
                ),
              },
              { title: t('staff.recon_file'), cell: r => r.fileHref && <a href={r.fileHref}>{t('staff.recon_download')}</a> },
            ]}
            rows={view.days}
          />
        )}
      </Pane>
      {view.upload && (
        <Pane title={t('check.upload')} note={t('check.upload_note')}>
          <PostForm action={staffPaths.checkFiles} class="stack" hasFile>
            <Choices
              name="biller"
              legend={t('staff.biller')}
              choices={view.upload.billers}
              chosen={view.upload.chosen}
              errors={view.upload.errors}
            />
            <FileField
              name="file"
              label={t('staff.recon_file')}
              hint={t('check.file_hint')}
              accept=".txt,.dat"
              errors={view.upload.errors}
            />
            <div class="btns">
              <Button>{t('staff.recon_compare')}</Button>
            </div>
          </PostForm>
        </Pane>
      )}
    </StaffLayout>
  )
}

export const checksPage = (ctx: StaffPageContext, view: ChecksPageView): string =>
  renderStaffPage(ctx, <ChecksPage view={view} />, { title: t(ctx.lang)('check.title'), hasError: !!view.upload?.errors?.length })

export interface CheckBreakPageView {
  what: string
  /** What it means and what to do, in words. */
  advice: string
  severity: Word
  state: string
  biller: string
  day: string
  postingNo: string
  toldFen: number | null
  statedFen: number | null
  openedAt: Date
  orderHref?: string
  notice?: CheckNotice
  decision?: { reason: string; note?: string; by: string; isFinal: boolean }
  form?: {
    action: string
    reasons: readonly { value: string; label: string }[]
    isGrave: boolean
    values?: Readonly<Record<string, string>>
    errors?: readonly FieldError[]
  }
}

/** One difference with a biller, and the decision about it. */
export function CheckBreakPage({ view }: { view: CheckBreakPageView }) {
  const { ctx, t } = usePage()
  const { form, decision } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={form?.errors} />
      <Notice notice={view.notice} />
      <div class="spread row--wrap">
        <h1>{view.what}</h1>
        <Tag tone={view.severity.tone}>{view.severity.text}</Tag>
      </div>
      <p>{view.advice}</p>
      <Pane title={t('staff.break_sides')}>
        <SummaryList
          rows={[
            { label: t('check.told'), value: side(view.toldFen) },
            { label: t('check.stated'), value: side(view.statedFen) },
            { label: t('staff.col_state'), value: view.state },
            { label: t('staff.biller'), value: view.biller },
            { label: t('staff.recon_day'), value: dayWithYear(ctx.lang, view.day) },
            { label: t('check.posting_no'), value: view.postingNo },
            { label: t('staff.break_opened'), value: dateTime(ctx.lang, view.openedAt) },
          ]}
        />
        {view.orderHref && (
          <div class="btns">
            <LinkButton kind="secondary" href={view.orderHref}>
              {t('staff.break_order')}
            </LinkButton>
          </div>
        )}
      </Pane>
      {decision && (
        <Pane title={decision.isFinal ? t('staff.break_decided') : t('staff.break_proposed')}>
          <SummaryList
            rows={[
              { label: t('staff.break_reason'), value: decision.reason },
              ...(decision.note ? [{ label: t('staff.break_note'), value: decision.note }] : []),
              { label: t('staff.break_by'), value: decision.by },
            ]}
          />
        </Pane>
      )}
      {form && (
        <Pane title={t('staff.break_decide')} note={t(form.isGrave ? 'staff.break_two' : 'staff.break_no_money')}>
          <PostForm action={form.action} class="stack">
            <Choices
              name="reason"
              legend={t('staff.break_reason')}
              choices={form.reasons}
              chosen={form.values?.reason}
              errors={form.errors}
              autoFocus
            />
            <Field
              name="note"
              label={t('staff.break_note')}
              hint={t('staff.break_note_hint')}
              rows={2}
              value={form.values?.note}
              maxLength={200}
              errors={form.errors}
            />
            <div class="btns">
              <Button>{t('staff.break_send')}</Button>
              <LinkButton kind="secondary" href={staffPaths.checks}>
                {t('check.back')}
              </LinkButton>
            </div>
          </PostForm>
        </Pane>
      )}
    </StaffLayout>
  )
}

export const checkBreakPage = (ctx: StaffPageContext, view: CheckBreakPageView): string =>
  renderStaffPage(ctx, <CheckBreakPage view={view} />, { title: view.what, hasError: !!view.form?.errors?.length })
