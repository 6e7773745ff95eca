import { Share } from '#web/ui/charts.tsx'
import { day, dayWithYear, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, Field, type FieldError, FileField, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, Pager, type PagerView, Tag } from '#web/ui/parts.tsx'
import { staffPaths } from '../paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from '../shell.tsx'

export const SHADOW_NOTICES = ['compared', 'unchanged'] as const
export type ShadowNotice = (typeof SHADOW_NOTICES)[number]

export interface ShadowDayRow {
  href: string
  day: string
  thereRows: number
  thereFen: number
  hereRows: number
  hereFen: number
  differences: number
}

export interface ShadowPageView {
  billers: readonly {
    id: string
    name: string
    /** The newest first. */
    days: readonly ShadowDayRow[]
    missing: readonly string[]
    streak: { days: number; since?: string; last: string; isWhole: boolean }
  }[]
  notice?: ShadowNotice
  /** For who may bring a file; without a described file there is nothing to choose. */
  upload?: {
    billers: readonly { value: string; label: string }[]
    yesterday: string
    values?: { biller?: string; day?: string }
    errors?: readonly FieldError[]
    faults?: { rows: readonly { place: string; text: string }[]; more: number }
  }
}

function Notice({ notice }: { notice: ShadowNotice | undefined }) {
  const { t } = usePage()
  return notice ? <Banner tone={notice === 'compared' ? 'ok' : 'now'} title={t(`shadow.notice_${notice}`)} live /> : null
}

/** Days listed; the row without a difference is counted further back. */
const DAYS_LISTED = 31
const DAYS_NAMED = 5

function Biller({ view }: { view: ShadowPageView['billers'][number] }) {
  const { ctx, t } = usePage()
  const { streak, missing } = view
  const listed = view.days.slice(0, DAYS_LISTED)
  const most = Math.max(1, ...listed.map(d => d.differences))
  return (
    <Pane title={view.name}>
      <p>
        {t('shadow.streak')}
        <br />
        <b class="money money--lg">
          {t(streak.isWhole ? 'shadow.streak_more' : streak.days === 1 ? 'shadow.streak_one' : 'shadow.streak_days', { n: streak.days })}
        </b>
        <br />
        <small class="t-3">
          {streak.since
            ? t('shadow.streak_since', { since: day(ctx.lang, streak.since), last: day(ctx.lang, streak.last) })
            : t('shadow.streak_broken', { last: day(ctx.lang, streak.last) })}
        </small>
      </p>
      {missing.length > 0 && (
        <Banner
          tone="warn"
          title={t('shadow.gaps', {
            n: missing.length,
            days: missing
              .slice(0, DAYS_NAMED)
              .map(d => day(ctx.lang, d))
              .join(t('list.comma')),
          })}
        >
          <p>{t('shadow.gaps_text')}</p>
        </Banner>
      )}
      <WideTable
        columns={[
          { title: t('staff.recon_day'), cell: (r: ShadowDayRow) => <a href={r.href}>{day(ctx.lang, r.day)}</a> },
          {
            title: t('shadow.found'),
            cell: r =>
              r.differences > 0 ? (
                <Share part={r.differences / most} label={t('shadow.differ', { n: r.differences })} />
              ) : (
                <Tag tone="ok">{t('shadow.same')}</Tag>
              ),
          },
          { title: t('shadow.there_rows'), cell: r => r.thereRows, numeric: true },
          { title: t('shadow.there_sum'), cell: r => yuan(r.thereFen), numeric: true },
          { title: t('shadow.here_rows'), cell: r => r.hereRows, numeric: true },
          { title: t('shadow.here_sum'), cell: r => yuan(r.hereFen), numeric: true },
        ]}
        rows={listed}
      />
    </Pane>
  )
}

function Bring({ view }: { view: NonNullable<ShadowPageView['upload']> }) {
  const { t } = usePage()
  if (view.billers.length === 0)
    return (
      <Empty title={t('shadow.undeclared')}>
        <p>{t('shadow.undeclared_text')}</p>
      </Empty>
    )
  return (
    <Pane title={t('shadow.upload')} note={t('shadow.upload_note')}>
      <PostForm action={staffPaths.shadowFiles} class="stack" hasFile>
        <Choices
          name="biller"
          legend={t('staff.biller')}
          choices={view.billers}
          chosen={view.values?.biller ?? (view.billers.length === 1 ? view.billers[0]!.value : undefined)}
          errors={view.errors}
        />
        <Field
          name="day"
          label={t('shadow.day')}
          hint={t('shadow.day_hint', { day: view.yesterday })}
          value={view.values?.day ?? view.yesterday}
          maxLength={10}
          errors={view.errors}
        />
        <FileField
          name="file"
          label={t('shadow.file')}
          hint={t('shadow.file_hint')}
          accept=".csv,.txt,.dat,.xlsx,.json,.jsonl"
          errors={view.errors}
        />
        <div class="btns">
          <Button>{t('shadow.compare')}</Button>
        </div>
      </PostForm>
    </Pane>
  )
}

/** How the days of the system before stand beside ours, and for how many in a row nothing differed. */
export function ShadowPage({ view }: { view: ShadowPageView }) {
  const { t } = usePage()
  const { upload } = view
  return (
    <StaffLayout>
      <ErrorSummary errors={upload?.errors} />
      <h1>{t('shadow.title')}</h1>
      <Notice notice={view.notice} />
      <p class="t-2">{t('shadow.lead')}</p>
      {upload?.faults && (
        <Pane title={t('shadow.errors')}>
          <WideTable
            columns={[
              { title: t('shadow.error_place'), cell: (r: { place: string; text: string }) => r.place },
              { title: t('staff.col_what'), cell: r => r.text },
            ]}
            rows={upload.faults.rows}
          />
          {upload.faults.more > 0 && <p class="t-3">{t('shadow.errors_more', { n: upload.faults.more })}</p>}
        </Pane>
      )}
      {upload && <Bring view={upload} />}
      {view.billers.length === 0 && (!upload || upload.billers.length > 0) && (
        <Empty title={t('shadow.none')}>
          <p>{t('shadow.none_text')}</p>
        </Empty>
      )}
      {view.billers.map(b => (
        <Biller key={b.id} view={b} />
      ))}
    </StaffLayout>
  )
}

export const shadowPage = (ctx: StaffPageContext, view: ShadowPageView): string =>
  renderStaffPage(ctx, <ShadowPage view={view} />, { title: t(ctx.lang)('shadow.title'), hasError: !!view.upload?.errors?.length })

export interface ShadowDayPageView {
  biller: string
  day: ShadowDayRow
  rows: readonly {
    what: string
    todo: string
    isDifference: boolean
    billNo: string
    /** Absent for a bill that is not known here, and for who may not read bills. */
    billHref?: string
    accountMasked: string
    thereFen: number | null
    hereFen: number | null
  }[]
  notice?: ShadowNotice
  pager: PagerView
}

const side = (fen: number | null): string => (fen === null ? '–' : yuan(fen))

/** What differs on one day, bill by bill, with what to do about it. */
export function ShadowDayPage({ view }: { view: ShadowDayPageView }) {
  const { ctx, t } = usePage()
  const { day: d } = view
  return (
    <StaffLayout>
      <Notice notice={view.notice} />
      <div class="spread row--wrap">
        <h1>{t('shadow.day_title', { biller: view.biller, day: dayWithYear(ctx.lang, d.day) })}</h1>
        <Tag tone={d.differences > 0 ? 'warn' : 'ok'}>
          {d.differences > 0 ? t('shadow.differ', { n: d.differences }) : t('shadow.same')}
        </Tag>
      </div>
      {view.rows.length === 0 ? (
        <Empty title={t('shadow.day_none')}>
          <p>{t('shadow.day_none_text')}</p>
        </Empty>
      ) : (
        <Pane title={t('shadow.found')}>
          <WideTable
            columns={[
              {
                title: t('shadow.what'),
                cell: (r: ShadowDayPageView['rows'][number]) => <Tag tone={r.isDifference ? 'warn' : undefined}>{r.what}</Tag>,
              },
              { title: t('shadow.bill'), cell: r => (r.billHref ? <a href={r.billHref}>{r.billNo}</a> : r.billNo) },
              { title: t('shadow.account'), cell: r => r.accountMasked },
              { title: t('shadow.there_sum'), cell: r => side(r.thereFen), numeric: true },
              { title: t('shadow.here_sum'), cell: r => side(r.hereFen), numeric: true },
              { title: t('shadow.do'), cell: r => r.todo },
            ]}
            rows={view.rows}
          />
          <Pager view={view.pager} />
        </Pane>
      )}
      <div class="btns">
        <LinkButton kind="secondary" href={staffPaths.shadow}>
          {t('shadow.back')}
        </LinkButton>
      </div>
    </StaffLayout>
  )
}

export const shadowDayPage = (ctx: StaffPageContext, view: ShadowDayPageView): string =>
  renderStaffPage(ctx, <ShadowDayPage view={view} />, {
    title: t(ctx.lang)('shadow.day_title', { biller: view.biller, day: dayWithYear(ctx.lang, view.day.day) }),
  })

export interface PastRow {
  paidOn: string
  amountFen: number
  billNo?: string
  channel?: string
  paymentNo: string
}

/** What the system before took for an account, as a table of the desk. */
export function PastTable({ rows }: { rows: readonly PastRow[] }) {
  const { ctx, t } = usePage()
  return (
    <WideTable
      columns={[
        { title: t('past.on'), cell: (r: PastRow) => dayWithYear(ctx.lang, r.paidOn) },
        { title: t('past.bill'), cell: r => r.billNo },
        { title: t('past.channel'), cell: r => r.channel },
        { title: t('past.no'), cell: r => r.paymentNo },
        { title: t('past.amount'), cell: r => yuan(r.amountFen), numeric: true },
      ]}
      rows={rows}
    />
  )
}

export interface DeskPastView {
  account: string
  rows: readonly PastRow[]
  backHref: string
  pager: PagerView
}

export function DeskPastPage({ view }: { view: DeskPastView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('past.title')}</h1>
      <Pane title={t('staff.account', { no: view.account })} note={t('past.desk_note')}>
        {view.rows.length === 0 ? <p class="t-3">{t('past.empty')}</p> : <PastTable rows={view.rows} />}
        <Pager view={view.pager} />
      </Pane>
      <div class="btns">
        <LinkButton kind="secondary" href={view.backHref}>
          {t('layout.back')}
        </LinkButton>
      </div>
    </StaffLayout>
  )
}

export const deskPastPage = (ctx: StaffPageContext, view: DeskPastView): string =>
  renderStaffPage(ctx, <DeskPastPage view={view} />, { title: t(ctx.lang)('past.title') })
