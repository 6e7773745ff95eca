export type FaultCode =
  | 'account_no'
  | 'amount'
  | 'amount_sum'
  | 'bill_repeated'
  | 'cell_missing'
  | 'code_unknown'
  | 'column_count'
  | 'const_mismatch'
  | 'control_character'
  | 'date'
  | 'day_outside'
  | 'duplicate_conflict'
  | 'encoding'
  | 'file_changed'
  | 'file_too_large'
  | 'formula'
  | 'header_mismatch'
  | 'json'
  | 'line_too_long'
  | 'no_final_newline'
  | 'no_rows'
  | 'not_a_workbook'
  | 'number'
  | 'packed'
  | 'payment_repeated'
  | 'period'
  | 'quote'
  | 'record_count'
  | 'record_total'
  | 'record_unit'
  | 'rows_after_trailer'
  | 'sheet_missing'
  | 'text_too_long'
  | 'trailer_malformed'
  | 'trailer_missing'
  | 'header_record'
  | 'too_many_rows'
  | 'unpacked_too_large'

/** One thing wrong with a file. `line` counts from 1, 0 stands for the file as a whole; `column` counts from 1. */
export interface RowError {
  readonly line: number
  readonly column?: number
  /** The column's title in the file. */
  readonly title?: string
  readonly code: FaultCode
  /** What stood there, shortened; never a name or an address. */
  readonly found?: string
  readonly expected?: string
}

export interface ImportReport {
  /** unchanged: this very file was imported before. refused: nothing was changed, see `errors`. */
  readonly outcome: 'imported' | 'checked' | 'unchanged' | 'refused'
  readonly billerId: string
  readonly fileName: string
  readonly batchId?: string
  readonly sha256: string
  /** Rows read. */
  readonly rows: number
  readonly totalFen: number
  readonly newBills: number
  /** Rows that were there already, word for word. */
  readonly sameBills: number
  /** Rows that ask for nothing. */
  readonly zeroBills: number
  readonly newAccounts: number
  readonly errorCount: number
  /** The first of them. */
  readonly errors: readonly RowError[]
  readonly warningCount: number
  /** The first of what was taken in but looks wrong: `found` repeats the bill named under `expected`. */
  readonly warnings: readonly RowError[]
  readonly took_ms: number
}

export const ERRORS_LISTED_MAX = 100

/** What happened and what to do, for the person who sent or received the file. */
const ZH: Readonly<Record<FaultCode, string>> = {
  account_no: '户号不符合规则或校验位不对，请核对户号',
  amount: '金额无法识别或为负数，请按约定的元或分填写',
  amount_sum: '各费用项之和与合计不符，请出账方重新计算本行',
  bill_repeated: '同一户号、同一账期、费用相同的账单已有另一编号，住户会看到两张，请与出账方核对',
  cell_missing: '必填项为空，请补齐',
  code_unknown: '代码不在约定范围内，请使用约定的代码',
  column_count: '列数不符，请检查分隔符和引号',
  const_mismatch: '固定标识不符，请检查本行类型',
  control_character: '含有不可见控制字符，请删除',
  date: '日期无法识别，请按约定格式填写',
  day_outside: '日期不在本文件应有的日子内，请核对日期或换一份文件',
  duplicate_conflict: '账单编号重复且内容不同，请出账方确认后更正',
  encoding: '文字编码不对，请按约定编码（UTF-8 或 GB18030）重新导出',
  file_changed: '导入时文件被改动，请在写完后再导入',
  file_too_large: '文件过大，请拆分',
  formula: '单元格是公式，请改为数值后再导出',
  header_mismatch: '表头与约定不符，请检查列的顺序和名称',
  json: '不是有效的 JSON 对象',
  line_too_long: '单行过长，请检查换行符',
  no_final_newline: '文件末尾不完整，可能被截断，请重新传输',
  no_rows: '文件中没有数据行',
  not_a_workbook: '不是完整的 xlsx 文件，可能被截断或损坏，请重新传输',
  number: '数字无法识别',
  packed: '这是压缩包（zip），请解压后逐个导入',
  payment_repeated: '缴费流水号重复，请与原系统核对',
  period: '账期无法识别，请按约定格式填写',
  quote: '引号没有成对，请检查本行',
  record_count: '文件笔数与汇总记录不符，可能缺行，请重新传输',
  record_total: '文件总额与汇总记录不符，请出账方核对',
  record_unit: '汇总记录的总额恰为各行之和的一百倍或百分之一，元和分弄反了，请按约定的单位填写',
  rows_after_trailer: '汇总记录之后还有内容，请重新导出',
  sheet_missing: '找不到约定的工作表',
  text_too_long: '文字过长',
  trailer_malformed: '汇总记录无法识别，请按约定格式填写',
  trailer_missing: '缺少汇总记录，文件可能被截断，请重新传输',
  header_record: '缺少或无法识别首行记录',
  too_many_rows: '行数过多，请拆分',
  unpacked_too_large: '解压后过大，拒绝读取',
}

const EN: Readonly<Record<FaultCode, string>> = {
  account_no: 'account number malformed or check digit wrong: compare it with the biller',
  amount: 'not an amount, or negative: write it in the agreed unit',
  amount_sum: 'fee lines do not add up to the total: ask the biller to recompute the row',
  bill_repeated: 'the account has a bill of the same period and lines under another number, residents will see both: ask the biller',
  cell_missing: 'required value is empty: fill it in',
  code_unknown: 'unknown code: use one of those agreed',
  column_count: 'wrong number of columns: check delimiter and quotes',
  const_mismatch: 'record mark differs: check the kind of this line',
  control_character: 'invisible control character: remove it',
  date: 'not a date in the agreed form',
  day_outside: 'not a day this file may tell of: compare the date, or take another file',
  duplicate_conflict: 'bill number used before with other content: ask the biller which is right',
  encoding: 'bytes do not fit the agreed encoding: export again as UTF-8 or GB18030 as agreed',
  file_changed: 'the file changed while it was read: import it once it is complete',
  file_too_large: 'file too large: split it',
  formula: 'the cell is a formula: export values',
  header_mismatch: 'header differs from what was agreed: check order and names of columns',
  json: 'not a JSON object',
  line_too_long: 'line too long: check the line ends',
  no_final_newline: 'the file ends in mid-line, it may be cut off: transfer it again',
  no_rows: 'the file holds no rows',
  not_a_workbook: 'not a complete xlsx file, it may be cut off: transfer it again',
  number: 'not a number',
  packed: 'this is a zip archive: unpack it and import each file',
  payment_repeated: 'payment number used before: ask those who run the system before',
  period: 'not a period in the agreed form',
  quote: 'quotes do not pair: check this line',
  record_count: 'row count differs from the summary record, rows may be missing: transfer it again',
  record_total: 'sum differs from the summary record: ask the biller',
  record_unit: 'the sum of the summary record is a hundred times the rows or a hundredth: yuan and fen are mixed up, write the agreed unit',
  rows_after_trailer: 'there is something after the summary record: export again',
  sheet_missing: 'the agreed sheet is missing',
  text_too_long: 'text too long',
  trailer_malformed: 'the summary record is not in the agreed form',
  trailer_missing: 'the summary record is missing, the file may be cut off: transfer it again',
  header_record: 'the first record is missing or malformed',
  too_many_rows: 'too many rows: split the file',
  unpacked_too_large: 'too large when unpacked: refused',
}

export const explainFault = (code: FaultCode, lang: 'zh-CN' | 'en'): string => (lang === 'en' ? EN : ZH)[code]

/** Collects errors: all counted, the first ones kept. */
export class Faults {
  count = 0
  readonly listed: RowError[] = []
  add(error: RowError): void {
    this.count++
    if (this.listed.length < ERRORS_LISTED_MAX) this.listed.push(error)
  }
}

/** Stops reading: what follows could not be understood. */
export class Unreadable extends Error {
  readonly fault: RowError
  constructor(fault: RowError) {
    super(fault.code)
    this.fault = fault
  }
}
