//! The columns of each kind of file, by the names that programs give them.

/// A column of a kind: its header names (Square's present one first), whether it identifies the kind, and whether rows require it.
#[derive(Debug)]
pub struct Column {
    pub names: &'static [&'static str],
    pub is_mark: bool,
    pub is_needed: bool,
    /// Several columns of a file may mean it.
    pub is_many: bool,
}

impl Column {
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

const fn needed(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: true, is_needed: true, is_many: false }
}
/// A column that every export has, but that a file compiled by hand may lack.
const fn mark(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: true, is_needed: false, is_many: false }
}
const fn also(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: false, is_needed: false, is_many: false }
}
/// A field that several columns of a file may hold.
const fn many(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: false, is_needed: false, is_many: true }
}
const fn many_mark(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: true, is_needed: false, is_many: true }
}

/// Names of Square, of our own export, and of Google, Outlook, Housecall Pro and Jobber; numbers in them ("E-mail 2 - Value") count for none.
pub const CUSTOMERS: &[Column] = &[
    mark(&["Square Customer ID", "Customer ID", "J-ID", "Client ID", "ID"]),
    mark(&["First Name", "Given Name"]),
    mark(&["Last Name", "Surname", "Family Name"]),
    many_mark(&[
        "Email Address",
        "Email",
        "E-mail",
        "Emails",
        "E-mails",
        "E-mail Address",
        "E-mail Value",
        "Email Value",
        "Additional Emails",
    ]),
    many_mark(&[
        "Phone Number",
        "Phone",
        "Phones",
        "Mobile",
        "Cell",
        "Telephone",
        "Phone Value",
        "Mobile Number",
        "Home Number",
        "Work Number",
        "Cell Phone",
        "Mobile Phone",
        "Home Phone",
        "Work Phone",
        "Business Phone",
        "Primary Phone",
        "Other Phone",
        "Car Phone",
        "Company Main Phone",
        "Main Phone #s",
        "Mobile Phone #s",
        "Home Phone #s",
        "Work Phone #s",
        "Other Phone #s",
        "Text Message Enabled Phone #",
    ]),
    also(&["Full Name", "Name", "Customer Name", "Client Name", "Display Name"]),
    also(&["Reference ID"]),
    also(&["Nickname", "Called"]),
    also(&["Company Name", "Company", "Organization Name"]),
    many(&[
        "Street Address 1",
        "Address Line 1",
        "Address",
        "Street",
        "Street Address",
        "Address Street",
        "Address Street Line 1",
        "Home Street",
        "Business Street",
        "Other Street",
        "Billing Street 1",
        "Service Street 1",
    ]),
    many(&[
        "Street Address 2",
        "Address Line 2",
        "Unit",
        "Apartment",
        "Suite",
        "Address Extended Address",
        "Address Street Line 2",
        "Home Street 2",
        "Business Street 2",
        "Other Street 2",
        "Billing Street 2",
        "Service Street 2",
    ]),
    many(&["City", "Town", "Address City", "Home City", "Business City", "Other City", "Billing City", "Service City"]),
    many(&[
        "State",
        "Region",
        "Province",
        "Address State",
        "Address Region",
        "Home State",
        "Business State",
        "Other State",
        "Billing State",
        "Service State",
        "Billing Province",
        "Service Province",
    ]),
    many(&[
        "Postal Code",
        "Zip",
        "Zip Code",
        "Postcode",
        "Address Postal Code",
        "Address Zip",
        "Home Postal Code",
        "Business Postal Code",
        "Other Postal Code",
        "Billing Zip code",
        "Service Zip code",
    ]),
    many(&["Access Notes", "Access", "Gate Code"]),
    many(&[
        "Whole Address",
        "Full Address",
        "Address Formatted",
        "Further addresses",
        "Mailing Address",
        "Home Address",
        "Business Address",
        "Other Address",
        "Billing Address",
        "Service Address",
    ]),
    many(&["Tags", "Labels", "Group Membership"]),
    also(&["Birthday", "Date of Birth"]),
    many(&["Memo", "Notes", "Note", "Customer Notes"]),
    also(&["First Visit", "Customer since"]),
    also(&["Last Visit", "Last service date"]),
    also(&["Transaction Count"]),
    also(&["Lifetime Spend", "Lifetime value"]),
    also(&["Email Subscription Status", "News by email"]),
    also(&["Text Messages"]),
    also(&["Instant Profile"]),
    also(&["Blocked from online booking"]),
    also(&[OWN_ID]),
    also(&["Archived"]),
    also(&["Creation Source"]),
];

/// The id of a contact in our own export, where its column is called "ID".
pub const OWN_ID: &str = "Rounds ID";
/// Columns by which our own export is known.
pub const OWN_MARKS: [&str; 3] = ["Further addresses", "News by email", "ID"];

pub const CATALOGUE: &[Column] = &[
    needed(&["Token"]),
    needed(&["Item Name"]),
    needed(&["Price"]),
    also(&["Variation Name"]),
    also(&["Customer-facing Name"]),
    also(&["Unit and Precision", "Unit"]),
    also(&["SKU"]),
    also(&["Description"]),
    also(&["Categories", "Category"]),
    also(&["Reporting Category"]),
    also(&["Item Type"]),
    also(&["Archived"]),
    also(&["Duration", "Service Duration"]),
];

pub const TRANSACTIONS: &[Column] = &[
    needed(&["Date"]),
    needed(&["Time"]),
    mark(&["Gross Sales"]),
    needed(&["Total Collected"]),
    needed(&["Transaction ID"]),
    also(&["Time Zone"]),
    also(&["Discounts"]),
    also(&["Net Sales"]),
    also(&["Tax"]),
    also(&["Tip"]),
    also(&["Partial Refunds"]),
    also(&["Source"]),
    also(&["Card"]),
    also(&["Cash"]),
    also(&["Square Gift Card"]),
    also(&["Other Tender"]),
    also(&["Other Tender Type"]),
    also(&["Tender Note"]),
    also(&["Fees"]),
    also(&["Payment ID"]),
    also(&["Staff Name"]),
    also(&["Description"]),
    also(&["Event Type"]),
    also(&["Customer ID"]),
    also(&["Customer Name"]),
    also(&["Refund Reason"]),
    also(&["Transaction Status"]),
];

pub const ITEMS: &[Column] = &[
    needed(&["Date"]),
    needed(&["Time"]),
    needed(&["Item"]),
    mark(&["Qty", "Quantity"]),
    needed(&["Transaction ID"]),
    also(&["Time Zone"]),
    also(&["Category"]),
    also(&["Price Point Name"]),
    also(&["Gross Sales"]),
    also(&["Discounts"]),
    also(&["Net Sales"]),
    also(&["Tax"]),
    also(&["Notes"]),
    also(&["Event Type"]),
    also(&["Customer ID"]),
    also(&["Customer Name"]),
    also(&["Unit"]),
    also(&["Employee"]),
];

pub const APPOINTMENTS: &[Column] = &[
    needed(&["Start", "Start Time", "Starts At", "Appointment Start", "Start Date"]),
    needed(&["End", "End Time", "Ends At", "Appointment End", "End Date"]),
    mark(&["Service", "Services", "Service Name", "Appointment"]),
    needed(&["Client Name", "Client", "Customer Name", "Customer"]),
    also(&["Status", "Appointment Status"]),
    also(&["Created At", "Created", "Booked At", "Date Created"]),
    also(&["Address", "Location Address", "Client Address", "Customer Address"]),
    also(&["Location Type"]),
    also(&["Location Name", "Location"]),
    also(&["Client Email", "Customer Email", "Email", "Email Address"]),
    also(&["Client Phone", "Customer Phone", "Phone", "Phone Number", "Client Phone Number"]),
    also(&["Staff", "Staff Member", "Staff Name", "Employee", "Team Member"]),
    also(&["Note from client", "Client Note", "Customer Note", "Notes from client"]),
    also(&["Note from business", "Business Note", "Staff Note", "Seller Note", "Internal Note", "Notes from business"]),
];
