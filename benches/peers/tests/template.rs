use crate::template::Values;

fn values() -> Values {
    let mut values = Values::default();
    values.word("name", "outside").word("port", 80).flag("tls", true).flag("http2", false);
    values.item("region", &[("name", "east".into())]).item("region", &[("name", "west".into())]);
    values
}

#[test]
fn holes_flags_and_lists() {
    let text = "listen {{port}};\n  %if tls\ntls\n%else\nplain\n%end\n%if !http2\nold {{name}}\n%end\n\
                %for region\n- {{name}}:{{port}}\n%if http2\nnew\n%else\nold\n%end\n%end\n%for nobody\nx {{nothing}}\n%end\n";
    let filled = "listen 80;\ntls\nold outside\n- east:80\nold\n- west:80\nold\n";
    assert_eq!(values().fill(text), Ok(filled.to_owned()));
}

#[test]
fn a_block_that_is_not_wanted_has_none_inside() {
    assert_eq!(values().fill("%if http2\n%if tls\nx\n%else\ny\n%end\n%for region\nz\n%end\n%end\n"), Ok(String::new()));
}

#[test]
fn what_does_not_fit_is_said_with_its_line() {
    for (text, why) in [
        ("a\n{{nothing}}\n", "line 2: nothing for nothing"),
        ("{{port\n", "line 1: a {{ without its }}"),
        ("%if tls\nx\n", "line 1: nothing ends it"),
        ("x\n%end\n", "line 2: %end begins nothing"),
        ("%for region\n%else\n%end\n", "line 1: nothing ends it"),
    ] {
        assert_eq!(values().fill(text), Err(why.to_owned()), "{text}");
    }
}
