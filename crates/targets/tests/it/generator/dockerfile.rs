use super::{Random, whole};
use crate::marked::{Marked, Role};

pub(super) fn write(file: &mut Marked, random: &mut Random) {
    let escape = if random.one_in(4) { '`' } else { '\\' };
    if random.one_in(2) {
        file.push(random.pick(&["# syntax=", "#syntax = ", "# SYNTAX="]));
        whole(file, random);
        file.push("\n");
    }
    if escape == '`' {
        file.push("# escape=`\n");
    }
    file.push(random.pick(&["", "\n", "# FROM comment:1\n", "# syntax-like: x\n"]));
    let argument = random.one_in(3);
    if argument {
        let quote = random.pick(&["", "\"", "'"]);
        file.push(&format!("ARG OTHER=1 BASE={quote}"));
        whole(file, random);
        file.push(quote);
        file.push("\n");
    }
    let stages = 1 + random.below(4);
    for stage in 0..stages {
        file.push(random.pick(&["FROM ", "from\t", "  FROM  ", "FROM --platform=$BUILDPLATFORM "]));
        match random.below(6) {
            // An argument that no stage begins with would be no place.
            choice if argument && (choice == 0 || stage == 0) => {
                file.push(random.pick(&["$BASE", "${BASE}", "${BASE:-nginx:1}"]));
            }
            1 if stage > 0 => file.push(&format!("STAGE{}", stage - 1)),
            2 => file.push("scratch"),
            3 => {
                file.push(&format!("{escape}\n# a comment\n\n    "));
                whole(file, random);
                file.push(&format!(" {escape}  \n"));
            }
            4 => {
                file.push("${NONE:-");
                whole(file, random);
                file.push("}");
            }
            _ => {
                let quote = random.pick(&["", "", "\""]);
                file.push(quote);
                whole(file, random);
                file.push(quote);
            }
        }
        file.push(&format!(" AS stage{stage}\n"));
        instructions(file, random, stages, escape);
    }
}

fn instructions(file: &mut Marked, random: &mut Random, stages: usize, escape: char) {
    for _ in 0..random.below(5) {
        match random.below(10) {
            0 => {
                file.push("COPY --chown=1:1 --from=");
                whole(file, random);
                file.push(" /a /b\n");
            }
            1 => file.push(&format!("COPY --from=stage{} /a /b\n", random.below(stages))),
            2 => file.push(&format!("COPY --from={} /a /b\n", random.below(stages))),
            3 => {
                file.push(&format!("RUN --mount=type=cache,target=/c {escape}\n --mount=type=bind,from="));
                whole(file, random);
                file.push(",source=/x,target=/y make\n");
            }
            4 => file.push("RUN <<EOF\nFROM heredoc:1\nCOPY --from=heredoc:1 a b\nEOF\n"),
            5 => file.push("RUN cat <<-'A' <<B > x\n\tFROM a:1\n\tA\nFROM b:1\nB\n"),
            6 => file.push(&format!("RUN echo one {escape}\n  && echo FROM x {escape}\n# FROM comment:2\n  && true\n")),
            7 => file.push("LABEL a=\"FROM x:1 🚀\" b='<<EOF'\n"),
            8 => {
                file.push("ONBUILD COPY --from=");
                file.mark(Role::Whole, 0, &format!("registry.example/{}:1", random.word()));
                file.push(" a b\n");
            }
            _ => file.push("ENV IMAGE=nginx:1 \\x\nCMD [\"FROM\", \"<<EOF\"]\n"),
        }
    }
}
