import { Columns, type ColumnView, TierBar, type TierView } from '#web/ui/charts.tsx'
import { day, unitPrice, yuan } from '#web/ui/format.ts'
import { Choices, ErrorSummary, type FieldError, PayBar, PostForm } from '#web/ui/forms.tsx'
import { Layout } from '#web/ui/layout.tsx'
import { type MessageKey, type Params, t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Card, Icon, LinkButton, Money, PhoneButton, Section, Steps, SummaryList, Table } from '#web/ui/parts.tsx'
import { PartChosen, PartForm, type PartsView } from './part.tsx'
import { paths } from './paths.ts'

export type PrecheckKey =
  | 'not_paid'
  | 'rest_not_paid'
  | 'account_ok'
  | 'biller_ok'
  | 'amount_ok'
  | 'already_paid'
  | 'being_paid'
  | 'being_decided'
  | 'account_closed'
  | 'amount_far'
  | 'late_fee'
  | 'biller_offline'
  | 'in_debit'
  | 'older_open'
  | 'disputed'
  | 'correcting'
  | 'superseded'
  | 'not_open'
  | 'not_open_yet'

export interface PrecheckView {
  level: 'ok' | 'warn' | 'stop'
  key: PrecheckKey
  params?: Params
  href?: string
}

export interface FeeLineView {
  name: string
  quantity?: number
  unit?: string
  /** Yuan × 10000 per unit. */
  unitPriceE4?: number
  amountFen: number
}

export type WayId = 'wechat' | 'alipay' | 'cash' | 'sandbox'

export interface BillView {
  biller: string
  service: string
  periodLabel: string
  /** What is paid now: all that is due, late fee included, or the part chosen. */
  amountFen: number
  lateFeeFen: number
  /** What paying it whole this early costs less. */
  rebateFen?: number
  parts?: PartsView
  /** Absent on what is paid: nothing is due any more. */
  due?: { on: string; isOver: boolean }
  /** Whose bill it is, masked: account, address and holder, as far as the biller told them. */
  who: string
  precheck: readonly PrecheckView[]
  lines: readonly FeeLineView[]
  reading?: { from: number; to: number; usage: number; unit: string; tiers: readonly TierView[] }
  history: readonly { label: string; usage: number; amountFen: number; kind: ColumnView['kind'] }[]
  ways: readonly { id: WayId; note?: string }[]
  /** Chosen last time, or the only sensible one in this browser. */
  chosenWay?: WayId
  /** Where it is asked to be checked; absent where that is over or under way. */
  disputeHref?: string
  payAction: string
  quote: string
  idempotencyKey: string
  backHref?: string
  /** From a code or a link (default), or from a list the resident opened. */
  origin?: 'scan' | 'find'
  /** Inside WeChat the form says whether script runs: without it the wallet cannot be opened there. */
  isInWechat?: true
  errors?: readonly FieldError[]
}

/** Precheck results that say more than one line. */
const details: Partial<Record<PrecheckKey, { text?: MessageKey; link?: MessageKey }>> = {
  being_decided: { text: 'precheck.being_decided_text' },
  being_paid: { text: 'precheck.being_paid_text' },
  account_closed: { text: 'precheck.account_closed_text' },
  amount_far: { text: 'precheck.amount_far_text', link: 'precheck.amount_far_link' },
  late_fee: { text: 'precheck.late_fee_text' },
  biller_offline: { text: 'precheck.biller_offline_text' },
  in_debit: { text: 'precheck.in_debit_text', link: 'debit.manage_note' },
  disputed: { text: 'precheck.disputed_text', link: 'precheck.dispute_link' },
  correcting: { text: 'precheck.correcting_text', link: 'precheck.dispute_link' },
  older_open: { text: 'precheck.older_open_text', link: 'precheck.older_open_link' },
  not_open: { text: 'switch.closed_text' },
  not_open_yet: { text: 'switch.closed_from' },
  superseded: { link: 'precheck.superseded_link' },
}

/** What stands in the way of paying, or should be known before. */
export function PrecheckBanner({ check }: { check: PrecheckView }) {
  const { t } = usePage()
  const { text, link } = details[check.key] ?? {}
  return (
    <Banner
      tone={check.key === 'in_debit' ? 'now' : check.level === 'stop' ? 'bad' : 'warn'}
      title={t(`precheck.${check.key}`, check.params)}
    >
      {text && <p>{t(text, check.params)}</p>}
      {check.href && (
        <LinkButton href={check.href} kind="link">
          {t(link ?? 'action.continue')}
        </LinkButton>
      )}
    </Banner>
  )
}

/** What is charged, line by line, and its sum. */
export function FeeLines({ view }: { view: Pick<BillView, 'lines' | 'lateFeeFen' | 'rebateFen' | 'parts'> }) {
  const { t } = usePage()
  const beside: FeeLineView[] = [
    { name: t('bill.late_fee_item'), amountFen: view.lateFeeFen },
    { name: t('part.rebate_item'), amountFen: -(view.rebateFen ?? 0) },
    { name: t('part.paid_item'), amountFen: -(view.parts?.paidFen ?? 0) },
  ].filter(line => line.amountFen !== 0)
  const rows = [...view.lines, ...beside]
  return (
    <Section title={t('bill.lines')}>
      <Card>
        <Table
          columns={[
            {
              title: t('bill.item'),
              cell: (line: FeeLineView) => (
                <>
                  {line.name}
                  {line.quantity !== undefined && line.unitPriceE4 !== undefined && (
                    <small class="t-3 line-sum">
                      {line.quantity} {line.unit} × {unitPrice(line.unitPriceE4)}
                    </small>
                  )}
                </>
              ),
            },
            { title: t('bill.amount_yuan'), cell: line => yuan(line.amountFen), numeric: true },
          ]}
          rows={rows}
          total={[yuan(rows.reduce((sum, line) => sum + line.amountFen, 0))]}
        />
      </Card>
    </Section>
  )
}

function Usage({ view }: { view: BillView }) {
  const { t } = usePage()
  const { reading } = view
  if (!reading && view.history.length === 0) return null
  const notes = { compare: t('bill.same_last_year'), recent: t('bill.last'), this: t('bill.this'), older: undefined }
  return (
    <Section title={t(reading ? 'bill.usage' : 'bill.history')}>
      <Card kind="stack">
        {reading && (
          <>
            <SummaryList
              rows={[
                {
                  label: t('bill.reading'),
                  value: (
                    <>
                      {reading.from} → <b>{reading.to}</b>
                    </>
                  ),
                },
                {
                  label: t('bill.used'),
                  value: (
                    <b>
                      {reading.usage} {reading.unit}
                    </b>
                  ),
                },
              ]}
            />
            {reading.tiers.length > 1 && <TierBar tiers={reading.tiers} usage={reading.usage} unit={reading.unit} />}
            <hr />
          </>
        )}
        {view.history.length > 1 && (
          <Columns
            title={t(reading ? 'bill.history' : 'bill.amounts')}
            unit={reading?.unit ?? t('bill.amount_yuan')}
            columns={view.history.map(h => ({
              label: h.label,
              note: notes[h.kind],
              ...(reading ? { value: h.usage } : { value: Math.round(h.amountFen / 100), exact: yuan(h.amountFen) }),
              kind: h.kind,
            }))}
          />
        )}
        <LinkButton href={paths.prices} kind="link">
          {t('bill.prices')}
        </LinkButton>
      </Card>
    </Section>
  )
}

/** The scanned or chosen bill: amount first, what must be known before paying, then the one button. */
export function BillPage({ view }: { view: BillView }) {
  const { ctx, t } = usePage()
  const isBlocked = view.precheck.some(c => c.level === 'stop')
  const isStill = view.precheck.some(c => c.key === 'disputed' || c.key === 'correcting')
  const passed = view.precheck.filter(c => c.level === 'ok')
  return (
    <Layout back={{ href: view.backHref ?? paths.home }}>
      <ErrorSummary errors={view.errors} />
      <Steps names={[t(view.origin === 'find' ? 'pay.step_find' : 'pay.step_scan'), t('pay.step_check'), t('pay.step_done')]} at={2} />
      <section class="bill-top">
        <h1 class="t-md">{t('bill.heading', { service: view.service, period: view.periodLabel })}</h1>
        <Money fen={view.amountFen} size="xl" />
        <p class="t-2">
          {view.biller}
          <br />
          {view.who}
          {view.due && (
            <>
              <br />
              {t(view.due.isOver ? (view.lateFeeFen > 0 ? 'bill.overdue' : 'bill.overdue_free') : 'bill.due', {
                due: day(ctx.lang, view.due.on),
              })}
            </>
          )}
          {view.lateFeeFen > 0 && (
            <>
              <br />
              {t('bill.late_fee', { amount: yuan(view.lateFeeFen) })}
            </>
          )}
          {!!view.rebateFen && (
            <>
              <br />
              {t('part.rebate', { amount: yuan(view.rebateFen) })}
            </>
          )}
          {!!view.parts?.paidFen && (
            <>
              <br />
              {t('part.paid', { amount: yuan(view.parts.paidFen) })}
            </>
          )}
        </p>
      </section>
      <div class="stack">
        {view.parts?.chosen && <PartChosen chosen={view.parts.chosen} />}
        {view.precheck
          // That paying today stops it is no longer so once a part is chosen, or while it stands still.
          .filter(c => c.level !== 'ok' && !(c.key === 'late_fee' && (view.parts?.chosen || isStill)))
          .map(c => (
            <PrecheckBanner key={c.key} check={c} />
          ))}
      </div>
      <FeeLines view={view} />
      {view.disputeHref && (
        <LinkButton href={view.disputeHref} kind="link">
          {t('dispute.link')}
        </LinkButton>
      )}
      {!isBlocked && view.parts?.isLater && <p class="t-2">{t('part.later')}</p>}
      {!isBlocked && view.parts?.offer && <PartForm offer={view.parts.offer} />}
      <Usage view={view} />
      {passed.length > 0 && (
        <Section title={t('bill.checked')}>
          <ul class="card checks">
            {passed.map(c => (
              <li key={c.key}>
                <Icon name="check" />
                <span>{t(`precheck.${c.key}`, c.params)}</span>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {isBlocked ? (
        <Section title={t('bill.blocked')}>
          <PhoneButton />
        </Section>
      ) : (
        <>
          <Section title={t('bill.way')}>
            <PostForm action={view.payAction} id="pay" quote={view.quote} idempotencyKey={view.idempotencyKey}>
              <Choices
                name="way"
                legend={t('bill.way')}
                legendUnseen
                chosen={view.chosenWay ?? view.ways[0]?.id}
                errors={view.errors}
                choices={view.ways.map(w => ({ value: w.id, label: t(`way.${w.id}`), note: w.note ?? wayNote(t, w.id) }))}
              />
            </PostForm>
          </Section>
          {!view.parts?.offer?.errors && <PayBar form="pay" label={t('bill.pay')} amountFen={view.amountFen} ways={view.ways} />}
        </>
      )}
    </Layout>
  )
}

const wayNote = (tr: ReturnType<typeof t>, id: WayId) =>
  id === 'cash' ? tr('way.cash_note') : id === 'sandbox' ? tr('way.sandbox_note') : undefined

export const billPage = (ctx: PageContext, view: BillView): string =>
  renderPage(ctx, <BillPage view={view} />, {
    title: t(ctx.lang)('bill.title', { service: view.service }),
    hasError: !!view.errors?.length,
    ...(view.isInWechat && { scripts: ['jsapi.js'] as const }),
  })
